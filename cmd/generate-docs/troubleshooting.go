package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
)

// symptom is something that a gRPC client sees.
type symptom struct {
	title, text string
	// sign is what the checks that explain it say of what a client sees.
	sign *regexp.Regexp
}

var symptoms = []symptom{
	{
		"UNAVAILABLE",
		"There is no connection, the connection ends before the answer, or a proxy has no pod to send the call to (503). " +
			"The message tells more. `connection refused` or a timeout: the fault is before the gateway's listener. `no healthy upstream`: it is behind the listener. " +
			"`upstream connect error or disconnect/reset before headers`: it is between the gateway and the pods. The tables follow the call hop by hop.",
		regexp.MustCompile(`\bUNAVAILABLE\b`),
	},
	{
		"UNIMPLEMENTED",
		"A proxy has no route for the call (404), or the call reached another server, which does not know the method.",
		regexp.MustCompile(`\bUNIMPLEMENTED\b`),
	},
	{
		"UNKNOWN",
		"The answer is not gRPC: it is a redirect, an HTTP error page (500), or from a server of another kind.",
		regexp.MustCompile(`\bUNKNOWN\b`),
	},
	{
		"INTERNAL",
		"One side does not understand the other's HTTP/2 frames, mostly because it uses HTTP/1.1.",
		regexp.MustCompile(`\bINTERNAL\b`),
	},
	{
		"PERMISSION_DENIED",
		"A policy made a proxy refuse the call (403).",
		regexp.MustCompile(`\bPERMISSION_DENIED\b`),
	},
	{
		"DEADLINE_EXCEEDED",
		"The answer, or the next message of a stream, did not come in time.",
		regexp.MustCompile(`\bDEADLINE_EXCEEDED\b`),
	},
	{
		"RESOURCE_EXHAUSTED",
		"A message is larger than a proxy or server on the path accepts.",
		regexp.MustCompile(`\bRESOURCE_EXHAUSTED\b`),
	},
	{
		"Calls work, but one pod gets them all",
		"They are balanced per connection: nothing on the path understands HTTP/2 and picks a pod for each call.",
		regexp.MustCompile(`balanced per connection|balance per connection|calls? (of|that|to).* (one|same|the) (server )?pod\b|on one (server )?pod\b`),
	},
}

// cause is a fault to look for first.
type cause struct {
	seen, fault, fix string
	// checks are the IDs of those that find it.
	checks []string
}

// firstCauses are the five steps that a setup by hand most easily leaves out or gets wrong, one for each thing that a client sees.
var firstCauses = []cause{
	{
		"`UNAVAILABLE` or `INTERNAL`: upstream connect error, reset before headers, or a protocol error",
		"Istio does not know that the Service port is gRPC, so the gateway sends HTTP/1.1 to the pods.",
		"Name the port `grpc` or `grpc-…`, or set `appProtocol: grpc`.",
		[]string{"GX301", "GX302"},
	},
	{
		"`UNAVAILABLE`: connection refused, or a timeout",
		"The Gateway listens on a port that the gateway's Service does not open.",
		"Add the port to the gateway's Service (`create --open-gateway-port`), or use one that is open.",
		[]string{"GX403"},
	},
	{
		"`UNIMPLEMENTED`, or HTTP 404",
		"The listener has no route for the call: the VirtualService names another Gateway or host, or another VirtualService takes the call first.",
		"Make `gateways` and `hosts` of the VirtualService match the Gateway; give each workload a host or gRPC service of its own.",
		[]string{"GX501", "GX502", "GX507"},
	},
	{
		"`UNAVAILABLE`: no healthy upstream",
		"The route reaches a Service without ready pods: its selector or target port is wrong, or the pods are not ready.",
		"Compare the Service's `selector` and `targetPort` with the pods, then check why the pods are not ready.",
		[]string{"GX201", "GX202", "GX303"},
	},
	{
		"Calls succeed, but one pod gets them all",
		"The client bypasses the gateway (a `LoadBalancer` or `NodePort` Service of the workload), or it is a pod inside the mesh without a proxy.",
		"Call the gateway's address; inside the mesh, inject a proxy into the **calling** pods.",
		[]string{"GX308", "GX102", "GX106"},
	},
}

func causeTable(b *strings.Builder, all []*checks.Check) {
	pages := map[string]string{}
	for _, check := range all {
		pages[check.ID] = path.Join("checks", path.Base(checkPath(check)))
	}
	b.WriteString("\n| what the client sees | the usual cause | what to do | checks |\n|--|--|--|--|\n")
	for _, cause := range firstCauses {
		links := make([]string, len(cause.checks))
		for i, id := range cause.checks {
			links[i] = fmt.Sprintf("[%s](%s)", id, pages[id])
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cause.seen, cause.fault, cause.fix, strings.Join(links, ", "))
	}
}

// longTable is from how many rows on a symptom has a table for each hop.
const longTable = 20

func symptomTable(b *strings.Builder, explaining []*checks.Check) {
	b.WriteString("\n| check | what is wrong | what the client sees |\n|--|--|--|\n")
	for _, check := range explaining {
		fmt.Fprintf(b, "| [%s](%s) | %s | %s |\n", check.ID, path.Join("checks", path.Base(checkPath(check))), cell(check.Title), cell(check.Client))
	}
}

// troubleshooting leads from what a client sees to the checks that explain it.
func troubleshooting(all []*checks.Check) string {
	var b strings.Builder
	b.WriteString(notice)
	b.WriteString(`# Troubleshooting by symptom

Let the program check the path first. Most causes are found without reading on:

` + "```sh" + `
kubectl grpcexpose status deployment/server -n test
kubectl grpcexpose lint deployment/server -n test
` + "```" + `

` + "`status`" + ` shows the path of a call and where it breaks. ` + "`lint`" + ` says what each fault does to clients, and ` + "`lint --fix --dry-run`" + ` shows what would repair it.

## Check these five causes first
`)
	causeTable(&b, all)
	b.WriteString("\nThe tables below list all causes: from the status code that the client reports to the checks that explain it.\n")
	for _, symptom := range symptoms {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", symptom.title, symptom.text)
		explaining := slices.DeleteFunc(slices.Clone(all), func(check *checks.Check) bool { return !symptom.sign.MatchString(check.Client) })
		if len(explaining) <= longTable {
			symptomTable(&b, explaining)
			continue
		}
		for _, family := range lint.Families() {
			members := slices.DeleteFunc(slices.Clone(family.Checks), func(check *checks.Check) bool { return !slices.Contains(explaining, check) })
			if len(members) > 0 {
				fmt.Fprintf(&b, "\n### %s\n", family.Title)
				symptomTable(&b, members)
			}
		}
	}
	b.WriteString("\n[All checks](checks/README.md) · [README](../README.md)\n")
	return b.String()
}

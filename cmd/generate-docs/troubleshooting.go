package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
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
		"No connection, a connection that ends before the answer, or a proxy that has nobody to send the call to (503). " +
			"The message tells more: `connection refused` or a timeout is before the gateway's listener, `no healthy upstream` behind it, " +
			"`upstream connect error or disconnect/reset before headers` between the gateway and the pods. The tables follow the call hop by hop.",
		regexp.MustCompile(`\bUNAVAILABLE\b`),
	},
	{
		"UNIMPLEMENTED",
		"A proxy has no route for the call (404), or the call reached another server, which does not know the method.",
		regexp.MustCompile(`\bUNIMPLEMENTED\b`),
	},
	{
		"UNKNOWN",
		"The answer is no gRPC: a redirect, an HTTP error page of 500, or a server of another kind.",
		regexp.MustCompile(`\bUNKNOWN\b`),
	},
	{
		"INTERNAL",
		"HTTP/2 frames that the other side does not understand, mostly because one of them speaks HTTP/1.1.",
		regexp.MustCompile(`\bINTERNAL\b`),
	},
	{
		"PERMISSION_DENIED",
		"A proxy refused the call by policy (403).",
		regexp.MustCompile(`\bPERMISSION_DENIED\b`),
	},
	{
		"DEADLINE_EXCEEDED",
		"The answer, or the next message of a stream, did not come in time.",
		regexp.MustCompile(`\bDEADLINE_EXCEEDED\b`),
	},
	{
		"RESOURCE_EXHAUSTED",
		"A message was larger than somebody on the way takes.",
		regexp.MustCompile(`\bRESOURCE_EXHAUSTED\b`),
	},
	{
		"Calls work, but one pod gets them all",
		"They are balanced per connection: nobody on the way speaks HTTP/2 and picks a pod for each call.",
		regexp.MustCompile(`balanced per connection|balance per connection|calls? (of|that|to).* (one|same|the) (server )?pod\b|on one (server )?pod\b`),
	},
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

Look first; most causes are found without reading on:

` + "```sh" + `
kubectl grpcexpose status deployment/server -n test
kubectl grpcexpose lint deployment/server -n test
` + "```" + `

` + "`status`" + ` shows the way of a call and where it breaks; ` + "`lint`" + ` says what each fault does to clients, and ` + "`lint --fix --dry-run`" + ` what would repair it.
The tables below go the other way round: from the status code that the client reports to the checks that explain it.
`)
	for _, symptom := range symptoms {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", symptom.title, symptom.text)
		explaining := slices.DeleteFunc(slices.Clone(all), func(check *checks.Check) bool { return !symptom.sign.MatchString(check.Client) })
		if len(explaining) <= longTable {
			symptomTable(&b, explaining)
			continue
		}
		for _, group := range groups {
			if members := group.of(explaining); len(members) > 0 {
				fmt.Fprintf(&b, "\n### %s\n", group.title)
				symptomTable(&b, members)
			}
		}
	}
	b.WriteString("\n[All checks](checks/README.md) · [README](../README.md)\n")
	return b.String()
}

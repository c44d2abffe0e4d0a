package cluster

import (
	"regexp"
	"strings"
)

// The texts that the API server puts around what an admission plugin says. Source: k8s.io/apiserver,
// pkg/admission/plugin/webhook/errors/statuserror.go, pkg/util/webhook/error.go, pkg/admission/plugin/policy/validating/dispatcher.go,
// pkg/admission/plugin/resourcequota/controller.go.
var (
	webhookDenied = regexp.MustCompile(`(?s)admission webhook "([^"]+)" denied the request(?:: | )(.*)$`)
	webhookDryRun = regexp.MustCompile(`(?s)admission webhook "([^"]+)" (does not support dry run)`)
	webhookFailed = regexp.MustCompile(`(?s)failed calling webhook "([^"]+)"[:;] (.*)$`)
	policyDenied  = regexp.MustCompile(`(?s)ValidatingAdmissionPolicy '([^']+)'(?: with binding '[^']*')? denied request: (.*)$`)
	quotaDenied   = regexp.MustCompile(`(?s)(exceeded|failed) quota: ([^,:]+)[,:] (.*)$`)
	userCannot    = regexp.MustCompile(`User ".*" cannot (\S+) resource "([^"]+)" in API group "([^"]*)"`)
)

// refusal is the error of a message with which an admission plugin refuses; nil if the message is none.
func refusal(r request, message string) error {
	if found := webhookDenied.FindStringSubmatch(message); found != nil {
		return &Refused{Object: r.named(), By: "admission webhook " + found[1], Message: oneLine(found[2])}
	}
	if found := webhookDryRun.FindStringSubmatch(message); found != nil {
		return &Refused{Object: r.named(), By: "admission webhook " + found[1], Message: "it " + found[2]}
	}
	if found := webhookFailed.FindStringSubmatch(message); found != nil {
		return &Refused{Object: r.named(), By: "admission webhook " + found[1], Message: webhookCause(found[2]), Unavailable: true}
	}
	if found := policyDenied.FindStringSubmatch(message); found != nil {
		return &Refused{Object: r.named(), By: "ValidatingAdmissionPolicy " + found[1], Message: found[2]}
	}
	if found := quotaDenied.FindStringSubmatch(message); found != nil {
		return &QuotaExceeded{Object: r.named(), Quota: found[2], Message: found[3]}
	}
	return nil
}

// oneLine puts a message of several lines, such as istiod's list of errors, into one.
func oneLine(message string) string {
	var line strings.Builder
	for part := range strings.Lines(message) {
		part = strings.TrimSpace(part)
		item, isItem := strings.CutPrefix(part, "* ")
		switch {
		case part == "":
			continue
		case line.Len() == 0:
		case strings.HasSuffix(line.String(), ":"):
			line.WriteString(" ")
		case isItem:
			line.WriteString("; ")
		default:
			line.WriteString(" ")
		}
		line.WriteString(item)
	}
	return line.String()
}

// webhookCause leaves out the URL that was called, with its query, from why a webhook could not be called.
func webhookCause(message string) string {
	message = strings.TrimPrefix(message, "failed to call webhook: ")
	if _, cause, found := strings.Cut(message, `": `); found && strings.HasPrefix(message, `Post "`) {
		return cause
	}
	return message
}

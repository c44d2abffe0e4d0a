package checks

import "strings"

// IgnoreAnnotation, on the object that a finding is about, silences checks: "GX308" or "GX308: the reason", several of them
// separated by commas or line breaks.
const IgnoreAnnotation = "grpcexpose/ignore"

func silencedByAnnotation(finding Finding) (reason string, silenced bool) {
	value, there := finding.Object.GetAnnotations()[IgnoreAnnotation]
	if !there {
		return "", false
	}
	for entry := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == '\n' }) {
		id, reason, _ := strings.Cut(entry, ":")
		if id = strings.TrimSpace(id); id != finding.ID && id != finding.Slug {
			continue
		}
		if reason = strings.TrimSpace(reason); reason == "" {
			reason = "annotation " + IgnoreAnnotation
		}
		return reason, true
	}
	return "", false
}

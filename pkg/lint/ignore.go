package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// IgnoreAnnotation, on the object that a finding is about, silences checks: "GX308" or "GX308: the reason", several of them
// separated by commas, blanks or line breaks. Names and the beginnings of IDs do as in Select.
const IgnoreAnnotation = "grpcexpose/ignore"

// mostIgnoreText is how long an annotation may be that silences something: it is read again for each finding on the object.
const mostIgnoreText = 10_000

// ignoreEntry is what an annotation says of one or several checks.
type ignoreEntry struct {
	names  []string
	reason string
}

var idForm = regexp.MustCompile(`^(?i:GX)\d+$`)

// ignoreEntries are those of an annotation's value. A reason may have commas in it: what follows one and is called like no check
// belongs to the reason.
func ignoreEntries(value string) []ignoreEntry {
	if len(value) > mostIgnoreText {
		return nil
	}
	var entries []ignoreEntry
	for piece := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == '\n' }) {
		head, reason, _ := strings.Cut(piece, ":")
		words := strings.Fields(head)
		last := len(entries) - 1
		if last >= 0 && entries[last].reason != "" && (len(words) == 0 || !isCheckName(words[0])) {
			entries[last].reason += ", " + strings.TrimSpace(piece)
			continue
		}
		if len(words) == 0 {
			continue
		}
		names := 1
		for names < len(words) && isCheckName(words[names]) {
			names++
		}
		entry := ignoreEntry{reason: strings.TrimSpace(strings.Join(words[names:], " ") + " " + strings.TrimSpace(reason))}
		for _, word := range words[:names] {
			entry.names = append(entry.names, strings.TrimRight(word, ";"))
		}
		entries = append(entries, entry)
	}
	return entries
}

// isCheckName reports whether a word means a check, or a check that there is none of.
func isCheckName(word string) bool {
	word = strings.TrimRight(word, ";")
	return idForm.MatchString(word) || isOfACheck(word)
}

func isOfACheck(name string) bool {
	return slices.ContainsFunc(All(), func(check *checks.Check) bool { return check.Matches(name) })
}

func silencedByAnnotation(finding checks.Finding) (reason string, silenced bool) {
	value, there := finding.Object.GetAnnotations()[IgnoreAnnotation]
	if !there {
		return "", false
	}
	check := &checks.Check{ID: finding.ID, Slug: finding.Slug}
	for _, entry := range ignoreEntries(value) {
		if !slices.ContainsFunc(entry.names, check.Matches) {
			continue
		}
		if entry.reason == "" {
			return "annotation " + IgnoreAnnotation, true
		}
		return entry.reason, true
	}
	return "", false
}

// IgnoreProblems are sentences on annotations that are meant to silence a check and name none, for the objects that only
// accepts; nil accepts all.
func IgnoreProblems(snapshot *mesh.Snapshot, only func(mesh.Object) bool) []string {
	var problems []string
	for _, kind := range mesh.Kinds() {
		for _, object := range snapshot.Objects(kind) {
			value, there := object.GetAnnotations()[IgnoreAnnotation]
			if !there || only != nil && !only(object) {
				continue
			}
			entries := ignoreEntries(value)
			if len(entries) == 0 {
				problems = append(problems, fmt.Sprintf("the annotation %s of %s names no check", IgnoreAnnotation, mesh.KeyOf(object)))
			}
			for _, entry := range entries {
				for _, name := range entry.names {
					if !isOfACheck(name) {
						problems = append(problems, fmt.Sprintf("the annotation %s of %s names %q, which is no check", IgnoreAnnotation, mesh.KeyOf(object), name))
					}
				}
			}
		}
	}
	slices.Sort(problems)
	return problems
}

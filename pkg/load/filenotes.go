package load

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// PrintFileNotes says what could not be read, and what was passed over. A directory may hold much of both: a part is enough.
func PrintFileNotes(streams report.Streams, manifests *manifest.Manifests) {
	unread := UnreadNotes(manifests)
	printSome(streams, unread, 20, "%d more files could not be read; -o json has them all")
	var notes []string
	for _, part := range slices.Concat([]*manifest.Manifests{manifests}, manifests.Overlays) {
		for _, note := range part.Notes {
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	printSome(streams, notes, 5, "%d more files or objects were passed over; -o json has them all")
}

func printSome(streams report.Streams, notes []string, enough int, more string) {
	report.Notes(streams, slices.Clone(notes[:min(len(notes), enough)]))
	if len(notes) > enough {
		report.Notes(streams, []string{fmt.Sprintf(more, len(notes)-enough)})
	}
}

// UnreadNotes are what could not be read, a sentence each.
func UnreadNotes(manifests *manifest.Manifests) []string {
	notes := make([]string, len(manifests.Unreadable))
	for i, err := range manifests.Unreadable {
		notes[i] = "could not be read: " + err.Error()
	}
	return notes
}

// FoldersOf lists the folders of kustomizations.
func FoldersOf(manifests *manifest.Manifests) string {
	folders := make([]string, len(manifests.Overlays))
	for i, overlay := range manifests.Overlays {
		folders[i] = overlay.Folder
	}
	return inert.List(folders, 5)
}

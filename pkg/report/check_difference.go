package report

import (
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
)

// CheckDifference is what turns a check's faulty manifest into the right one: the lines of a unified diff, of the objects that
// differ and of no others. An object is shown whole, because three lines of context do not tell which object they belong to.
func CheckDifference(check *checks.Check) []string {
	before, after := strings.TrimSpace(check.Bad)+"\n", strings.TrimSpace(check.Good)+"\n"
	text, err := udiff.ToUnified("", "", before, udiff.Lines(before, after), len(before))
	if err != nil {
		panic(err) // the edits are those of this very text
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	const header = 3 // the two file names, and the position of the one hunk
	var difference []string
	for _, object := range objectsOf(lines[min(header, len(lines)):]) {
		if !slices.ContainsFunc(object, isChangedLine) {
			continue
		}
		if difference != nil {
			difference = append(difference, " ---")
		}
		difference = append(difference, object...)
	}
	return difference
}

// objectsOf cuts the lines of a diff where YAML separates documents, and drops the separators.
func objectsOf(lines []string) [][]string {
	objects := [][]string{nil}
	for _, line := range lines {
		if line[1:] == "---" {
			objects = append(objects, nil)
			continue
		}
		last := len(objects) - 1
		objects[last] = append(objects[last], line)
	}
	return objects
}

func isChangedLine(line string) bool { return line[0] != ' ' }

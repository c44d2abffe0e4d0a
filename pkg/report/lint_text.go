package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// textLint prints for people: by cluster, namespace and object, each finding with what a client sees and what to do.
type textLint struct{ PrintOptions }

func (t textLint) Print(w io.Writer, report *LintReport) error {
	var b strings.Builder
	t.findings(&b, report)
	t.skips(&b, report)
	b.WriteString(t.conclusion(report))
	_, err := io.WriteString(w, b.String())
	return err
}

func (t textLint) findings(b *strings.Builder, report *LintReport) {
	for _, section := range sectionsOf(report.Findings) {
		Printf(b, "%s\n", paint(section.heading, bold, t.Colour))
		var object LintObject
		for _, finding := range section.findings {
			if finding.Object != object {
				object = finding.Object
				Printf(b, "  %s\n", paint(object.String(), cyan, t.Colour))
			}
			t.finding(b, finding)
		}
	}
}

func lowerFirst(text string) string {
	if text == "" {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

func (t textLint) finding(b *strings.Builder, finding LintFinding) {
	title := fmt.Sprintf("%s %s %s", finding.Level, finding.ID, finding.Slug)
	if finding.State != "" {
		title = string(finding.State) + ": " + title
	}
	Printf(b, "    %s\n", paint(title, levelColours[finding.Level], t.Colour))
	t.wrapped(b, "", finding.Message)
	if finding.File != "" {
		t.line(b, "at", finding.where()+" "+finding.Path)
	} else if finding.Path != "" {
		t.line(b, "at", finding.Path)
	}
	if len(finding.Evidence) > 0 {
		t.wrapped(b, "because", strings.Join(finding.Evidence, "; "))
	}
	t.wrapped(b, "client", finding.Symptom)
	if finding.State != Fixed {
		t.wrapped(b, "fix", finding.Fix.Text+fixHint(finding.Fix))
	}
}

func fixHint(fix LintFix) string {
	switch {
	case len(fix.Patch) == 0:
		return ""
	case fix.Level == checks.Safe:
		return " (--fix does it)"
	case fix.Level == checks.Ask:
		return " (--fix=all does it)"
	default:
		return ""
	}
}

// bodyIndent is how deep the lines of a finding stand, and labelWidth the room for "because: ".
const (
	bodyIndent = "      "
	labelWidth = 9
)

func (t textLint) line(b *strings.Builder, label string, text any) {
	Printf(b, "%s%s%s\n", bodyIndent, paint(pad(label), faint, t.Colour), text)
}

func pad(label string) string {
	if label != "" {
		label += ":"
	}
	return label + strings.Repeat(" ", max(labelWidth-len(label), 0))
}

// wrapped prints a text behind its label, on as many lines as it takes.
func (t textLint) wrapped(b *strings.Builder, label, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	indent := len(bodyIndent)
	if label != "" {
		indent += labelWidth
	}
	for i, line := range wrap(text, max(t.Width-indent, 40)) {
		switch {
		case label == "":
			Printf(b, "%s%s\n", bodyIndent, line)
		case i == 0:
			t.line(b, label, line)
		default:
			t.line(b, "", line)
		}
	}
}

// wrap breaks a text between words so that no line is wider than it must be. A command is not broken: what is pasted of it would
// be another one.
func wrap(text string, width int) []painted {
	var lines []painted
	var line strings.Builder
	used, inCommand := 0, false
	for word := range strings.FieldsSeq(inert.Line(text)) {
		length := utf8.RuneCountInString(word)
		if used > 0 && used+1+length > width && !inCommand {
			lines, used = append(lines, painted(line.String())), 0
			line.Reset()
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += length
		inCommand = inCommand || slices.Contains(commands, word)
	}
	return append(lines, painted(line.String()))
}

// commands are the programs that fixes name with what to give them.
var commands = []string{"kubectl", "istioctl", "grpcurl"}

// letsRun says by the reason of a skip what would let the checks run.
var letsRun = map[string]string{
	mesh.NotInFiles: "--with-cluster reads the rest from a cluster, --self-contained says that the files are all there is",
}

// skips says what could not be judged and what would change that, a line for each reason.
func (t textLint) skips(b *strings.Builder, report *LintReport) {
	if len(report.Skipped) == 0 {
		return
	}
	var reasons []string
	byReason := map[string][]string{}
	for _, skip := range report.Skipped {
		reason := skip.Reason
		if skip.Context != "" {
			reason = "context " + skip.Context + ": " + reason
		}
		if byReason[reason] == nil {
			reasons = append(reasons, reason)
		}
		if check := skip.ID + " " + skip.Slug; !slices.Contains(byReason[reason], check) {
			byReason[reason] = append(byReason[reason], check)
		}
	}
	if len(report.Findings) > 0 {
		b.WriteString("\n")
	}
	Printf(b, "%s\n", paint("Skipped, at least in part", bold, t.Colour))
	for _, reason := range reasons {
		text := reason + ": " + strings.Join(byReason[reason], ", ")
		if how, known := letsRun[reason]; known {
			text += "; " + how
		}
		for i, line := range wrap(text, max(t.Width-4, 40)) {
			Printf(b, "  %s%s\n", strings.Repeat(" ", min(i, 1)*2), line)
		}
	}
}

// conclusion is the summary and what to do next.
func (t textLint) conclusion(report *LintReport) string {
	lines := []string{report.Summary.String()}
	safe, ask := 0, 0
	for _, finding := range report.Findings {
		switch {
		case finding.State == Fixed || len(finding.Fix.Patch) == 0:
		case finding.Fix.Level == checks.Safe:
			safe++
		case finding.Fix.Level == checks.Ask:
			ask++
		}
	}
	if safe > 0 {
		lines = append(lines, fmt.Sprintf("%s can be fixed with --fix; --fix --dry-run shows how.", Count(safe, "finding")))
	}
	if ask > 0 {
		lines = append(lines, fmt.Sprintf("%s can be fixed with --fix=all, which asks first.", Count(ask, "finding")))
	}
	if len(report.Findings) > 0 {
		lines = append(lines, "Learn more with: kubectl grpcexpose explain "+report.Findings[0].ID)
	}
	text := strings.Join(lines, "\n") + "\n"
	if len(report.Findings)+len(report.Skipped) > 0 {
		return "\n" + text
	}
	return text
}

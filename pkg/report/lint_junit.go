package report

import (
	"encoding/xml"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
)

// junitLint prints a test suite for each check: a failed case for each finding that makes the command fail, else one that
// passed or was skipped. The form is that of Maven's surefire, which CI systems read.
type junitLint struct{}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	ClassName string        `xml:"classname,attr"`
	Name      string        `xml:"name,attr"`
	File      string        `xml:"file,attr,omitempty"`
	Line      int           `xml:"line,attr,omitempty"`
	Failure   *junitMessage `xml:"failure"`
	Skipped   *junitMessage `xml:"skipped"`
	SystemOut string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func (junitLint) Print(w io.Writer, report *LintReport) error {
	findings, skips := map[string][]LintFinding{}, map[string][]LintSkip{}
	for _, finding := range report.Findings {
		if finding.State != Fixed {
			findings[finding.ID] = append(findings[finding.ID], finding)
		}
	}
	for _, skip := range report.Skipped {
		skips[skip.ID] = append(skips[skip.ID], skip)
	}
	names := map[string]string{}
	for _, check := range report.Ran {
		names[check.ID] = check.Slug
	}
	for _, skip := range report.Skipped {
		names[skip.ID] = skip.Slug
	}
	suites := junitSuites{Name: "kubectl grpcexpose lint"}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		suite := junitSuiteOf(report, id+" "+names[id], findings[id], skips[id])
		suites.Suites = append(suites.Suites, suite)
		suites.Tests += suite.Tests
		suites.Failures += suite.Failures
		suites.Skipped += suite.Skipped
	}
	text, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return err
	}
	return writeEscaped(w, []byte(xml.Header+string(text)+"\n"), escapeXML)
}

func junitSuiteOf(report *LintReport, name string, findings []LintFinding, skips []LintSkip) junitSuite {
	suite := junitSuite{Name: name}
	for _, finding := range findings {
		result := junitCase{ClassName: suite.Name, Name: inert.Line(finding.Object.String() + " " + finding.Path), File: inert.Line(finding.File), Line: finding.Line}
		details := finding.details()
		if report.fails(finding) {
			result.Failure = &junitMessage{Message: inert.Line(finding.Message), Type: string(finding.Level), Text: details}
			suite.Failures++
		} else {
			result.SystemOut = string(finding.Level) + ": " + details
		}
		result.Name = strings.TrimSpace(result.Name)
		suite.Cases = append(suite.Cases, result)
	}
	for _, skip := range skips {
		suite.Cases = append(suite.Cases, junitCase{
			ClassName: suite.Name, Name: inert.Line(strings.TrimSpace("skipped " + skip.Context)), Skipped: &junitMessage{Message: inert.Line(skip.Reason)},
		})
		suite.Skipped++
	}
	if len(suite.Cases) == 0 {
		suite.Cases = []junitCase{{ClassName: suite.Name, Name: "no findings"}}
	}
	suite.Tests = len(suite.Cases)
	return suite
}

// details are what people read who open a failed case: its lines are the labels' alone.
func (f LintFinding) details() string {
	lines := []string{inert.Line(f.Message)}
	for _, part := range []struct{ label, text string }{
		{"Because", strings.Join(f.Evidence, "; ")}, {"Client", f.Symptom}, {"Fix", f.Fix.Text},
	} {
		if part.text != "" {
			lines = append(lines, part.label+": "+inert.Line(part.text))
		}
	}
	return strings.Join(lines, "\n")
}

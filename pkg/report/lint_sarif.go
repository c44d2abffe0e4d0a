package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
)

// sarifLint prints the Static Analysis Results Interchange Format 2.1.0, which code scanning services read.
type sarifLint struct{ version string }

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   string             `json:"id"`
	Name                 string             `json:"name"`
	ShortDescription     sarifText          `json:"shortDescription"`
	FullDescription      sarifText          `json:"fullDescription"`
	Help                 sarifText          `json:"help"`
	DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
}

type sarifConfiguration struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifInvocation struct {
	ExecutionSuccessful        bool                `json:"executionSuccessful"`
	ToolExecutionNotifications []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct {
	Level          string             `json:"level"`
	Message        sarifText          `json:"message"`
	AssociatedRule sarifRuleReference `json:"associatedRule"`
}

type sarifRuleReference struct {
	ID string `json:"id"`
}

type sarifResult struct {
	RuleID              string            `json:"ruleId"`
	RuleIndex           int               `json:"ruleIndex"`
	Level               string            `json:"level"`
	Message             sarifText         `json:"message"`
	Locations           []sarifLocation   `json:"locations"`
	PartialFingerprints map[string]string `json:"partialFingerprints"`
	BaselineState       string            `json:"baselineState,omitempty"`
}

type sarifLocation struct {
	PhysicalLocation *sarifPhysicalLocation `json:"physicalLocation,omitempty"`
	LogicalLocations []sarifLogicalLocation `json:"logicalLocations"`
}

type sarifPhysicalLocation struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifLogicalLocation struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

var (
	sarifLevels = map[checks.Level]string{checks.Error: "error", checks.Warning: "warning", checks.Info: "note"}
	sarifStates = map[LintState]string{New: "new", Unchanged: "unchanged", Fixed: "absent"}
)

func (s sarifLint) Print(w io.Writer, report *LintReport) error {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "kubectl-grpcexpose", Version: s.version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: true, ToolExecutionNotifications: []sarifNotification{}}},
		Results:     []sarifResult{},
	}
	index := map[string]int{}
	for i, check := range report.Ran {
		index[check.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(check))
	}
	for _, finding := range report.Findings {
		run.Results = append(run.Results, sarifResultOf(finding, index[finding.ID]))
	}
	for _, skip := range report.Skipped {
		notifications := &run.Invocations[0].ToolExecutionNotifications
		*notifications = append(*notifications, sarifNotification{
			Level: "note", AssociatedRule: sarifRuleReference{skip.ID}, Message: sarifText{Text: sarifPlain(skip.ID + " was skipped, at least in part: " + inert.Line(skip.Reason))},
		})
	}
	return JSON(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifRuleOf(check *checks.Check) sarifRule {
	return sarifRule{
		ID: check.ID, Name: pascalCase(check.Slug), ShortDescription: sarifText{Text: sarifPlain(check.Title)}, FullDescription: sarifText{Text: sarifPlain(check.What)},
		Help: sarifText{
			Text:     sarifPlain(strings.Join([]string{check.What, check.Why, check.Client}, "\n\n")),
			Markdown: fmt.Sprintf("%s\n\n**Why.** %s\n\n**What a client sees.** %s", check.What, check.Why, check.Client),
		},
		DefaultConfiguration: sarifConfiguration{sarifLevels[check.Levels[0]]},
	}
}

// pascalCase makes port-not-grpc PortNotGrpc, the form that the specification has for names of rules.
func pascalCase(slug string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(slug, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func sarifResultOf(finding LintFinding, rule int) sarifResult {
	location := sarifLocation{LogicalLocations: []sarifLogicalLocation{{
		FullyQualifiedName: strings.TrimSpace(finding.Context + " " + finding.Object.String() + " " + finding.Path), Kind: "resource",
	}}}
	if finding.File != "" {
		location.PhysicalLocation = &sarifPhysicalLocation{ArtifactLocation: sarifArtifact{fileURI(finding.File)}}
		if finding.Line > 0 {
			location.PhysicalLocation.Region = &sarifRegion{finding.Line}
		}
	}
	text := sarifPlain(inert.Line(finding.Object.String()) + ": " + finding.details())
	return sarifResult{
		RuleID: finding.ID, RuleIndex: rule, Level: sarifLevels[finding.Level], Message: sarifText{Text: text}, Locations: []sarifLocation{location},
		PartialFingerprints: map[string]string{"grpcexpose/v1": finding.fingerprint()}, BaselineState: sarifStates[finding.State],
	}
}

// sarifPlain is a text as the specification writes one in which brackets make no link.
// Source: SARIF 2.1.0, 3.11.6 Messages with embedded links.
func sarifPlain(text string) string { return sarifEscapes.Replace(text) }

var sarifEscapes = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`)

// fileURI is a path as a URI: relative ones stay relative, to the directory that the command ran in.
func fileURI(path string) string {
	uri := url.URL{Path: filepath.ToSlash(filepath.Clean(path))}
	if filepath.IsAbs(path) {
		uri.Scheme = "file"
		if !strings.HasPrefix(uri.Path, "/") {
			uri.Path = "/" + uri.Path // C:/orders.yaml
		}
	}
	return uri.String()
}

// fingerprint stays the same while the fault does, wherever in the file it moves.
func (f LintFinding) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.ID, f.Context, f.Object.Kind, f.Object.Namespace, f.Object.Name, f.Path}, "\x00")))
	return hex.EncodeToString(sum[:])
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

const manifestTemplate = "krew/grpcexpose.yaml"

// checksums are SHA-256 in hexadecimal, by file.
type checksums map[string]string

func (c checksums) add(file string, content []byte) {
	sum := sha256.Sum256(content)
	c[file] = hex.EncodeToString(sum[:])
}

// text is in the form that sha256sum --check reads.
func (c checksums) text() string {
	var b strings.Builder
	for _, file := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%s  %s\n", c[file], file)
	}
	return b.String()
}

// writeManifest fills in krew's manifest. With some platforms only there is none: krew-index takes no half a release.
func (r release) writeManifest(sums checksums) error {
	if len(r.platforms) < len(strings.Split(allPlatforms, ",")) {
		return nil
	}
	text, err := os.ReadFile(manifestTemplate)
	if err != nil {
		return err
	}
	manifest, err := fillManifest(string(text), r.version, sums)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.output, filepath.Base(manifestTemplate)), manifest, 0o644)
}

// tag is what a template knows.
type tag struct{ TagName string }

// fillManifest does what krew-release-bot does for a release, with the checksums of files that are here.
// Source: krew-release-bot's pkg/source/template.go (addURIAndSha).
func fillManifest(text, version string, sums checksums) ([]byte, error) {
	fill := func(text string, functions template.FuncMap) (string, error) {
		parsed, err := template.New("manifest").Funcs(functions).Parse(text)
		if err != nil {
			return "", err
		}
		var b bytes.Buffer
		err = parsed.Execute(&b, tag{version})
		return b.String(), err
	}
	filled, err := fill(text, template.FuncMap{"addURIAndSha": func(address, _ string) (string, error) {
		uri, err := fill(address, nil)
		if err != nil {
			return "", err
		}
		sum, ok := sums[path.Base(uri)]
		if !ok {
			return "", fmt.Errorf("no archive %s was built", path.Base(uri))
		}
		return "uri: " + uri + "\n    sha256: " + sum, nil
	}})
	return []byte(filled), err
}

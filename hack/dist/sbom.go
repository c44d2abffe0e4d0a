package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

const homepage = "https://github.com/grpcexpose/kubectl-grpcexpose"

// The parts of an SPDX 2.3 document that a Go program needs; see https://spdx.github.io/spdx-spec/v2.3/.
type spdxDocument struct {
	SPDXVersion       string             `json:"spdxVersion"`
	DataLicense       string             `json:"dataLicense"`
	SPDXID            string             `json:"SPDXID"`
	Name              string             `json:"name"`
	DocumentNamespace string             `json:"documentNamespace"`
	CreationInfo      spdxCreation       `json:"creationInfo"`
	Packages          []spdxPackage      `json:"packages"`
	Relationships     []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	Name             string          `json:"name"`
	SPDXID           string          `json:"SPDXID"`
	VersionInfo      string          `json:"versionInfo"`
	DownloadLocation string          `json:"downloadLocation"`
	FilesAnalyzed    bool            `json:"filesAnalyzed"`
	LicenseConcluded string          `json:"licenseConcluded"`
	LicenseDeclared  string          `json:"licenseDeclared"`
	CopyrightText    string          `json:"copyrightText"`
	Checksums        []spdxChecksum  `json:"checksums,omitempty"`
	ExternalRefs     []spdxReference `json:"externalRefs"`
	Comment          string          `json:"comment,omitempty"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxReference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const noAssertion = "NOASSERTION"

// sbom is the bill of materials of a binary: the modules that the Go toolchain has noted in it, not those of go.mod, of which
// many are for tests and other platforms.
func (r release) sbom(p platform, binary []byte) ([]byte, error) {
	build, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(binary)
	name := strings.TrimSuffix(r.archiveName(p), "."+p.format())
	own := spdxModule(&debug.Module{Path: build.Main.Path, Version: r.version})
	own.LicenseConcluded, own.LicenseDeclared = "Apache-2.0", "Apache-2.0"
	own.Checksums = []spdxChecksum{{"SHA256", hex.EncodeToString(sum[:])}}
	document := spdxDocument{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: name,
		// The namespace must be unique to the document, so that it has the binary's checksum in it.
		DocumentNamespace: fmt.Sprintf("%s/spdx/%s-%x", homepage, name, sum[:8]),
		CreationInfo:      spdxCreation{Created: r.time.Format(time.RFC3339), Creators: []string{"Tool: kubectl-grpcexpose-dist"}},
		Packages:          []spdxPackage{own},
		Relationships:     []spdxRelationship{{"SPDXRef-DOCUMENT", "DESCRIBES", own.SPDXID}},
	}
	standard := spdxModule(&debug.Module{Path: "stdlib", Version: build.GoVersion})
	standard.LicenseDeclared = "BSD-3-Clause"
	dependencies := []spdxPackage{standard}
	for _, module := range build.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		dependencies = append(dependencies, spdxModule(module))
	}
	for _, dependency := range dependencies {
		document.Packages = append(document.Packages, dependency)
		document.Relationships = append(document.Relationships, spdxRelationship{own.SPDXID, "DEPENDS_ON", dependency.SPDXID})
	}
	text, err := json.MarshalIndent(document, "", "  ")
	return append(text, '\n'), err
}

func spdxModule(module *debug.Module) spdxPackage {
	described := spdxPackage{
		Name: module.Path, SPDXID: "SPDXRef-Package-" + spdxName(module.Path), VersionInfo: module.Version,
		DownloadLocation: noAssertion, LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, CopyrightText: noAssertion,
		ExternalRefs: []spdxReference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + module.Path + "@" + module.Version}},
	}
	if module.Sum != "" {
		// It is a hash over the hashes of the module's files, for which SPDX has no name among its checksums.
		described.Comment = "go.sum: " + module.Sum
	}
	return described
}

// spdxName is a path in the letters that an SPDX identifier may have.
func spdxName(path string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, path)
}

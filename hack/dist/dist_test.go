package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var (
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	files = []archived{{"kubectl-grpcexpose", []byte("program"), 0o755}, {"LICENSE", []byte("licence"), 0o644}}
)

func TestTarArchive(t *testing.T) {
	packed, err := pack("tar.gz", files, noon)
	require.NoError(t, err)
	uncompressed, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	archive := tar.NewReader(uncompressed)
	for _, want := range files {
		header, err := archive.Next()
		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		assert.Equal(t, want, archived{header.Name, content, header.FileInfo().Mode()})
		assert.Equal(t, noon, header.ModTime.UTC())
		assert.Empty(t, header.Uname)
	}
	_, err = archive.Next()
	assert.Equal(t, io.EOF, err)
}

func TestZipArchive(t *testing.T) {
	packed, err := pack("zip", files, noon)
	require.NoError(t, err)
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	require.NoError(t, err)
	require.Len(t, archive.File, len(files))
	for i, want := range files {
		file, err := archive.File[i].Open()
		require.NoError(t, err)
		content, err := io.ReadAll(file)
		require.NoError(t, err)
		assert.Equal(t, want, archived{archive.File[i].Name, content, archive.File[i].Mode()})
		assert.Equal(t, noon, archive.File[i].Modified.UTC())
	}
}

func TestReleasesAreNamedBySemanticVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"v0.1.0": true, "v1.2.3-rc.1": true, "v0.1.0-dev": true, "0.1.0": false, "v1.2": false, "v01.2.3": false, "latest": false, "": false,
	} {
		assert.Equal(t, want, semver.MatchString(version), version)
	}
	err := run(t.Context(), "1.0.0", t.TempDir(), allPlatforms, 0)
	assert.EqualError(t, err, `-version="1.0.0" is not a semantic version with a v, as v1.2.3`)
}

func TestPlatforms(t *testing.T) {
	got, err := parsePlatforms("linux/arm64,windows/amd64")
	require.NoError(t, err)
	assert.Equal(t, []platform{{"linux", "arm64"}, {"windows", "amd64"}}, got)
	r := release{version: "v1.2.3"}
	assert.Equal(t, "kubectl-grpcexpose_v1.2.3_linux_arm64.tar.gz", r.archiveName(got[0]))
	assert.Equal(t, "kubectl-grpcexpose_v1.2.3_windows_amd64.zip", r.archiveName(got[1]))
	assert.Equal(t, "kubectl-grpcexpose.exe", got[1].binary())

	_, err = parsePlatforms("plan9/amd64")
	assert.EqualError(t, err, `-platforms: "plan9/amd64" is none of `+allPlatforms)
}

// sumsOf are checksums of the archives of all platforms, each with a content of its own.
func sumsOf(t *testing.T, r release) checksums {
	t.Helper()
	platforms, err := parsePlatforms(allPlatforms)
	require.NoError(t, err)
	sums := checksums{}
	for _, platform := range platforms {
		sums.add(r.archiveName(platform), []byte(platform.os+platform.arch))
	}
	return sums
}

type manifest struct {
	Metadata struct{ Name string }
	Spec     struct {
		Version, Homepage, ShortDescription, Description, Caveats string
		Platforms                                                 []struct {
			Selector         struct{ MatchLabels map[string]string }
			URI, SHA256, Bin string
		}
	}
}

func TestManifest(t *testing.T) {
	template, err := os.ReadFile("../../" + manifestTemplate)
	require.NoError(t, err)
	r := release{version: "v1.2.3"}
	sums := sumsOf(t, r)
	filled, err := fillManifest(string(template), r.version, sums)
	require.NoError(t, err)
	assert.NotContains(t, string(filled), "{{")
	assert.True(t, strings.HasPrefix(string(filled), "apiVersion:"), "what explains the template is not in the manifest")
	assert.NotContains(t, string(filled), "#")

	var m manifest
	require.NoError(t, yaml.UnmarshalStrict(filled, &struct {
		*manifest
		APIVersion, Kind string
	}{manifest: &m}))
	assert.Equal(t, "grpcexpose", m.Metadata.Name)
	assert.Equal(t, "v1.2.3", m.Spec.Version)
	assert.LessOrEqual(t, len(m.Spec.ShortDescription), 50)
	for line := range strings.Lines(m.Spec.Description + m.Spec.Caveats) {
		assert.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 80, line)
	}
	platforms, err := parsePlatforms(allPlatforms)
	require.NoError(t, err)
	require.Len(t, m.Spec.Platforms, len(platforms))
	for i, platform := range platforms {
		got := m.Spec.Platforms[i]
		assert.Equal(t, map[string]string{"os": platform.os, "arch": platform.arch}, got.Selector.MatchLabels)
		assert.Equal(t, platform.binary(), got.Bin)
		assert.Equal(t, homepage+"/releases/download/v1.2.3/"+r.archiveName(platform), got.URI)
		assert.Equal(t, sums[r.archiveName(platform)], got.SHA256)
		assert.Regexp(t, `^[0-9a-f]{64}$`, got.SHA256)
	}
}

func TestManifestNeedsEveryArchive(t *testing.T) {
	template, err := os.ReadFile("../../" + manifestTemplate)
	require.NoError(t, err)
	_, err = fillManifest(string(template), "v1.2.3", checksums{})
	assert.ErrorContains(t, err, "no archive kubectl-grpcexpose_v1.2.3_linux_amd64.tar.gz was built")
}

// The test's own binary stands for the program; it has no modules noted in it, for which see the test of a real archive.
func TestSBOM(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	binary, err := os.ReadFile(self)
	require.NoError(t, err)
	r := release{version: "v1.2.3", time: noon}
	text, err := r.sbom(platform{"linux", "amd64"}, binary)
	require.NoError(t, err)
	again, err := r.sbom(platform{"linux", "amd64"}, binary)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))

	var document spdxDocument
	require.NoError(t, json.Unmarshal(text, &document))
	assert.Equal(t, "SPDX-2.3", document.SPDXVersion)
	assert.Equal(t, "2026-01-02T12:00:00Z", document.CreationInfo.Created)
	identifiers := map[string]bool{"SPDXRef-DOCUMENT": true}
	versions := map[string]string{}
	for _, described := range document.Packages {
		assert.Regexp(t, `^SPDXRef-[A-Za-z0-9.-]+$`, described.SPDXID)
		assert.False(t, identifiers[described.SPDXID], "%s is there twice", described.SPDXID)
		identifiers[described.SPDXID] = true
		versions[described.Name] = described.VersionInfo
	}
	assert.Equal(t, "v1.2.3", versions["github.com/grpcexpose/kubectl-grpcexpose"])
	assert.Contains(t, versions, "stdlib")
	for _, relationship := range document.Relationships {
		assert.True(t, identifiers[relationship.Element] && identifiers[relationship.Related], relationship)
	}
	assert.Len(t, document.Relationships, len(document.Packages))
}

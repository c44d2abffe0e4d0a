package main

import (
	"fmt"
	"slices"
	"strings"
)

const allPlatforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64"

type platform struct{ os, arch string }

// parsePlatforms reads a list of OS/ARCH. Only those of the manifest make sense.
func parsePlatforms(names string) ([]platform, error) {
	var platforms []platform
	for name := range strings.SplitSeq(names, ",") {
		if !slices.Contains(strings.Split(allPlatforms, ","), name) {
			return nil, fmt.Errorf("-platforms: %q is none of %s", name, allPlatforms)
		}
		os, arch, _ := strings.Cut(name, "/")
		platforms = append(platforms, platform{os, arch})
	}
	return platforms, nil
}

func (p platform) binary() string {
	if p.os == "windows" {
		return program + ".exe"
	}
	return program
}

// format is how archives are packed where the platform's users expect it.
func (p platform) format() string {
	if p.os == "windows" {
		return "zip"
	}
	return "tar.gz"
}

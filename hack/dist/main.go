// Command dist builds what a release has: an archive for each platform, with the notices of what is linked into it, its SBOM,
// checksums, and the manifest for krew. It is run in the repository's folder, by "make dist". The same sources, version, time
// and Go give the same bytes, wherever they are.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// program is the name of the binary, and of the archives' beginning.
const program = "kubectl-grpcexpose"

// earliest is the time of files in archives where no other is given: zip knows none before.
const earliest = 315532800

// semantic versions with a v, as krew demands them.
var semver = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)

type release struct {
	version   string
	output    string
	platforms []platform
	// time is that of the commit: of all files in archives, and of the SBOM.
	time time.Time
}

func main() {
	version := flag.String("version", "", "version, as v1.2.3")
	output := flag.String("output", "dist", "folder to write to; what it had is removed")
	names := flag.String("platforms", allPlatforms, "platforms, as OS/ARCH, separated by commas")
	epoch := flag.Int64("epoch", earliest, "time of the files in seconds since 1970")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *version, *output, *names, *epoch)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, version, output, names string, epoch int64) error {
	if !semver.MatchString(version) {
		return fmt.Errorf("-version=%q is not a semantic version with a v, as v1.2.3", version)
	}
	platforms, err := parsePlatforms(names)
	if err != nil {
		return err
	}
	r := release{version: version, output: output, platforms: platforms, time: time.Unix(max(epoch, earliest), 0).UTC()}
	if err := os.RemoveAll(output); err != nil {
		return err
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		return err
	}
	return r.make(ctx)
}

// make builds one platform after the other: each uses all cores.
func (r release) make(ctx context.Context) error {
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	sums := checksums{}
	for _, platform := range r.platforms {
		binary, err := r.build(ctx, platform)
		if err != nil {
			return err
		}
		others, err := notices(ctx, platform)
		if err != nil {
			return err
		}
		files := []archived{{platform.binary(), binary, 0o755}, {"LICENSE", license, 0o644}, {noticesName, others, 0o644}}
		archive, err := pack(platform.format(), files, r.time)
		if err != nil {
			return err
		}
		bill, err := r.sbom(platform, binary)
		if err != nil {
			return err
		}
		name := r.archiveName(platform)
		for file, content := range map[string][]byte{name: archive, name + ".spdx.json": bill} {
			sums.add(file, content)
			if err := os.WriteFile(filepath.Join(r.output, file), content, 0o644); err != nil {
				return err
			}
		}
		fmt.Printf("%-50s %5.1f MB, binary %5.1f MB\n", name, megabytes(archive), megabytes(binary))
	}
	if err := os.WriteFile(filepath.Join(r.output, "checksums.txt"), []byte(sums.text()), 0o644); err != nil {
		return err
	}
	return r.writeManifest(sums)
}

func (r release) archiveName(p platform) string {
	return strings.Join([]string{program, r.version, p.os, p.arch}, "_") + "." + p.format()
}

func megabytes(content []byte) float64 { return float64(len(content)) / 1e6 }

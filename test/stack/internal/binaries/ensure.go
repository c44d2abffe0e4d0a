package binaries

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/filelock"
)

// AssetsVariable names the environment variable with a folder of binaries to use instead of building them. It is
// controller-runtime's (envtest), so that one folder serves both.
const AssetsVariable = "KUBEBUILDER_ASSETS"

// Set has the paths of products by name: a file for a program, a file or a folder for the rest.
type Set map[string]string

// Ensure returns the paths of the products, and builds those that are neither in the folder that KUBEBUILDER_ASSETS
// names nor in the cache. It says on log what it builds. Processes that need the same thing at the same time build it
// once: the others wait. What is in the cache is complete, whenever a build was killed.
func Ensure(ctx context.Context, log io.Writer, names ...string) (Set, error) {
	wanted, err := find(names)
	if err != nil {
		return nil, err
	}
	cache, err := CacheFolder()
	if err != nil {
		return nil, err
	}
	source, err := sourceFolder()
	if err != nil {
		return nil, err
	}
	set, missing, err := lookUp(wanted, cache, source, os.Getenv(AssetsVariable))
	if err != nil || len(missing) == 0 {
		return set, err
	}
	lock, err := filelock.Wait(ctx, filepath.Join(cache, "build.lock"), func() {
		fmt.Fprintln(log, "Another process builds the stack's programs; waiting for it.")
	})
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	// The process that held the lock may have built just these.
	set, missing, err = lookUp(wanted, cache, source, os.Getenv(AssetsVariable))
	if err != nil || len(missing) == 0 {
		return set, err
	}
	estimate := newEstimate(missing)
	announce(log, missing, estimate)
	first := time.Now()
	for number, product := range missing {
		path, err := product.path(cache, source)
		if err != nil {
			return nil, err
		}
		label := fmt.Sprintf("[%d/%d] %s", number+1, len(missing), product.name)
		meter := &meter{log: log, label: label, cost: product.cost, estimate: estimate, first: first}
		if err := build(ctx, product, filepath.Join(source, product.module.folder), path, meter); err != nil {
			return nil, err
		}
		estimate.finish(product.cost)
		set[product.name] = path
	}
	return set, nil
}

// lookUp returns where the products are that are there, and the others.
func lookUp(wanted []product, cache, source, assets string) (Set, []product, error) {
	set := Set{}
	var missing []product
	for _, product := range wanted {
		path, err := product.path(cache, source)
		if err != nil {
			return nil, nil, err
		}
		if given := filepath.Join(assets, product.name); assets != "" && exists(given) {
			path = given
		}
		if exists(path) {
			set[product.name] = path
		} else {
			missing = append(missing, product)
		}
	}
	return set, missing, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// announce says what is going to be built, and how long that usually takes.
func announce(log io.Writer, missing []product, estimate *estimate) {
	list := make([]string, 0, len(missing))
	for _, product := range missing {
		list = append(list, product.name)
	}
	fmt.Fprintf(log, "Building, once, from Go modules: %s. On two idle cores, with nothing built before: %s.\n",
		strings.Join(list, ", "), roughly(estimate.left(0, cost{}, 0)))
}

// build makes the product beside its place and then moves it there, so that a build that dies leaves nothing that looks
// whole. The meter reports on it.
func build(ctx context.Context, product product, dir, path string, meter *meter) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	workshop, err := os.MkdirTemp(filepath.Dir(path), "."+product.name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(workshop)
	var said bytes.Buffer
	unfinished := filepath.Join(workshop, product.name)
	meter.start()
	err = product.make(ctx, product.module, dir, unfinished, io.MultiWriter(&said, meter))
	elapsed := meter.stop()
	if err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", product.name, dir, err, lastLines(said.String(), 30))
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	fmt.Fprintf(meter.log, "%s: done in %s\n", meter.label, elapsed.Round(100*time.Millisecond))
	return nil
}

// lastLines returns the last lines of a text.
func lastLines(text string, count int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

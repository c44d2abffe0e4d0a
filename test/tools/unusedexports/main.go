// Command unusedexports lists what a package of the product exports and no other package uses, and what only tests use. Its
// argument is the repository's folder. Names that stay exported all the same are in exceptions.txt, each with the reason.
//
// The product's module is read with its types. The modules under test/ are read as text alone: a name behind a dot in a file
// that imports the package counts as a use, so that nothing of Istio has to be compiled to know.
package main

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

//go:embed exceptions.txt
var exceptionsText string

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: unusedexports FOLDER")
		os.Exit(2)
	}
	complaints, err := check(os.Args[1], exceptionsText)
	if err != nil {
		fmt.Fprintln(os.Stderr, "unusedexports:", err)
		os.Exit(2)
	}
	for _, complaint := range complaints {
		fmt.Println(complaint)
	}
	if len(complaints) > 0 {
		os.Exit(1)
	}
}

// check returns a line for each export that nobody uses and is no exception, and for each exception that is none any more.
func check(folder, exceptionsText string) ([]string, error) {
	exceptions, err := parseExceptions(exceptionsText)
	if err != nil {
		return nil, err
	}
	p, err := load(folder)
	if err != nil {
		return nil, err
	}
	if err := p.readTestModules(folder); err != nil {
		return nil, err
	}
	p.followTypes()
	faults := map[string]string{}
	for name, e := range p.exports {
		switch {
		case e.used, e.byTests && !p.imported[e.pkg], e.satisfies:
		case e.byTests:
			faults[name] = e.position + ": " + name + " is used by tests of other packages only"
		default:
			faults[name] = e.position + ": " + name + " is used by no other package"
		}
	}
	var complaints []string
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		if !exceptions[name] {
			complaints = append(complaints, faults[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exceptions)) {
		if faults[name] == "" {
			complaints = append(complaints, "exceptions.txt: "+name+" needs no exception")
		}
	}
	return complaints, nil
}

// parseExceptions reads lines "NAME: REASON".
func parseExceptions(text string) (map[string]bool, error) {
	exceptions := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, _ := strings.Cut(line, ": ")
		if reason == "" {
			return nil, fmt.Errorf("exceptions.txt: %q gives no reason: NAME: REASON", line)
		}
		exceptions[name] = true
	}
	return exceptions, nil
}

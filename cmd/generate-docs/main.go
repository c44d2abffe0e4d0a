// Command generate-docs writes the pages of docs/ that are made from the program itself, and the generated parts of the
// READMEs. Its argument is the repository's folder. "make generate" runs it, and a test holds that nothing is stale.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate-docs FOLDER")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// generate writes all pages, and removes those of checks and commands that are no more.
func generate(repository string) error {
	pages, err := pages(repository)
	if err != nil {
		return err
	}
	stale, err := stalePages(repository, pages)
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(filepath.Join(repository, path)); err != nil {
			return err
		}
	}
	for path, text := range pages {
		path = filepath.Join(repository, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// readTestModules marks as used by tests what the modules under test/ may use: every name behind a dot in a file that imports
// the package.
func (p *product) readTestModules(folder string) error {
	return filepath.WalkDir(filepath.Join(folder, "test"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		p.countText(file)
		return nil
	})
}

func (p *product) countText(file *ast.File) {
	imported := map[string]bool{}
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil && strings.HasPrefix(path, p.module+"/") {
			imported[path] = true
		}
	}
	if len(imported) == 0 {
		return
	}
	names := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		if selector, is := node.(*ast.SelectorExpr); is {
			names[selector.Sel.Name] = true
		}
		return true
	})
	for _, e := range p.exports {
		isMethod := e.object.Parent() == nil // a method may belong to a type whose package the file does not import
		if names[e.object.Name()] && (isMethod || imported[e.pkg]) {
			e.byTests = true
		}
	}
}

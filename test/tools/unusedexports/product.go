package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

// export is a name that a package of the product exports.
type export struct {
	pkg, position string
	object        types.Object
	used          bool      // by another package of the product
	byTests       bool      // by tests of another package, or by a module under test/
	satisfies     bool      // a method that an interface demands
	block         token.Pos // of a constant that stands in a block with others: the values of one thing
}

// product is what the module's packages export.
type product struct {
	module   string
	exports  map[string]*export // by PACKAGE.NAME and PACKAGE.TYPE.METHOD, without the module's path
	imported map[string]bool    // packages that another package of the product imports; the others are tests' helpers
	folder   string
}

const mode = packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedTypes | packages.NeedSyntax |
	packages.NeedTypesInfo | packages.NeedModule | packages.NeedForTest

// load reads the module in the folder, its tests too.
func load(folder string) (*product, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	loaded, err := packages.Load(&packages.Config{Mode: mode, Dir: folder, Tests: true}, "./...")
	if err != nil {
		return nil, err
	}
	p := &product{exports: map[string]*export{}, imported: map[string]bool{}, folder: folder}
	for _, pkg := range loaded {
		for _, fault := range pkg.Errors {
			return nil, fault
		}
		if pkg.Module != nil {
			p.module = pkg.Module.Path
		}
	}
	if p.module == "" {
		return nil, errors.New("no package of a module in " + folder)
	}
	interfaces := map[string][]*types.Interface{}
	for _, pkg := range loaded {
		if pkg.ForTest == "" && pkg.Name != "main" && !strings.HasSuffix(pkg.ID, ".test") {
			p.collect(pkg)
		}
		collectInterfaces(pkg, interfaces)
	}
	for _, e := range p.exports {
		if method, is := e.object.(*types.Func); is {
			e.satisfies = satisfies(method, interfaces[method.Name()])
		}
	}
	for _, pkg := range loaded {
		p.countUses(pkg)
	}
	return p, nil
}

// collect notes what the package exports.
func (p *product) collect(pkg *packages.Package) {
	scope := pkg.Types.Scope()
	for _, name := range scope.Names() {
		object := scope.Lookup(name)
		p.note(pkg, object)
		named, is := object.Type().(*types.Named)
		if name, isType := object.(*types.TypeName); !is || !isType || name.IsAlias() || !name.Exported() {
			continue // the methods of other types are called through interfaces
		}
		for method := range named.Methods() {
			p.note(pkg, method)
		}
	}
	p.collectBlocks(pkg)
}

// collectBlocks notes which constants stand together.
func (p *product) collectBlocks(pkg *packages.Package) {
	for _, file := range pkg.Syntax {
		for _, declared := range file.Decls {
			block, is := declared.(*ast.GenDecl)
			if !is || block.Tok != token.CONST {
				continue
			}
			for _, spec := range block.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if object := pkg.TypesInfo.Defs[name]; object != nil && p.exports[p.key(object)] != nil {
						p.exports[p.key(object)].block = block.Pos()
					}
				}
			}
		}
	}
}

func (p *product) note(pkg *packages.Package, object types.Object) {
	position := pkg.Fset.Position(object.Pos())
	if !object.Exported() || strings.HasSuffix(position.Filename, "_test.go") {
		return
	}
	file, err := filepath.Rel(p.folder, position.Filename)
	if err != nil {
		file = position.Filename
	}
	p.exports[p.key(object)] = &export{pkg: pkg.PkgPath, position: fmt.Sprintf("%s:%d", file, position.Line), object: object}
}

// key names an object: the tests' variants of a package have objects of their own for it.
func (p *product) key(object types.Object) string {
	name := object.Name()
	if method, is := object.(*types.Func); is && method.Signature().Recv() != nil {
		receiver := method.Origin().Signature().Recv().Type()
		if pointer, is := receiver.(*types.Pointer); is {
			receiver = pointer.Elem()
		}
		named, is := receiver.(*types.Named)
		if !is {
			return ""
		}
		name = named.Obj().Name() + "." + name
	}
	return strings.TrimPrefix(object.Pkg().Path(), p.module+"/") + "." + name
}

// countUses marks what the files of the package use of other packages.
func (p *product) countUses(pkg *packages.Package) {
	path := strings.TrimSuffix(pkg.PkgPath, "_test")
	for _, file := range pkg.Syntax {
		isTest := strings.HasSuffix(pkg.Fset.Position(file.Pos()).Filename, "_test.go")
		ast.Inspect(file, func(node ast.Node) bool {
			name, is := node.(*ast.Ident)
			object := pkg.TypesInfo.Uses[name]
			if !is || object == nil || object.Pkg() == nil || object.Pkg().Path() == path && pkg.PkgPath == path {
				return true
			}
			e := p.exports[p.key(object)]
			switch {
			case e == nil:
			case isTest:
				e.byTests = true
			default:
				e.used = true
				p.imported[e.pkg] = true
			}
			return true
		})
	}
}

// followTypes marks the types that somebody handles without naming them: those in the signatures and fields of what is used.
// The constants of a type go with it, and those of a block with each other: they are the values of one thing, whether another
// package names them or not.
func (p *product) followTypes() {
	for again := true; again; {
		again = false
		mark := func(other, e *export) {
			if other != nil && (e.used && !other.used || e.byTests && !other.byTests) {
				other.used, other.byTests = other.used || e.used, other.byTests || e.byTests
				again = true
			}
		}
		blocks := map[token.Pos]*export{}
		for _, e := range p.exports {
			if e.block.IsValid() && (e.used || e.byTests && blocks[e.block] == nil) {
				blocks[e.block] = e
			}
		}
		for _, e := range p.exports {
			if used := blocks[e.block]; e.block.IsValid() && used != nil {
				mark(e, used)
			}
			for _, name := range mentioned(e.object) {
				other := p.exports[p.key(name)]
				mark(other, e)
				if _, is := e.object.(*types.Const); is && other != nil {
					mark(e, other)
				}
			}
		}
	}
}

// mentioned returns the named types in an object's type: of parameters, results, exported fields, elements.
func mentioned(object types.Object) (found []*types.TypeName) {
	var walk func(t types.Type, top bool)
	walk = func(t types.Type, top bool) {
		switch t := t.(type) {
		case *types.Named:
			if !top {
				if t.Obj().Pkg() != nil {
					found = append(found, t.Obj())
				}
				for argument := range t.TypeArgs().Types() {
					walk(argument, false)
				}
				return
			}
			walk(t.Underlying(), false)
		case *types.Alias:
			if t.Obj().Pkg() != nil {
				found = append(found, t.Obj())
			}
			walk(types.Unalias(t), false)
		case *types.Pointer:
			walk(t.Elem(), false)
		case *types.Slice:
			walk(t.Elem(), false)
		case *types.Array:
			walk(t.Elem(), false)
		case *types.Chan:
			walk(t.Elem(), false)
		case *types.Map:
			walk(t.Key(), false)
			walk(t.Elem(), false)
		case *types.Tuple:
			for v := range t.Variables() {
				walk(v.Type(), false)
			}
		case *types.Signature:
			walk(t.Params(), false)
			walk(t.Results(), false)
		case *types.Interface:
			for method := range t.Methods() {
				walk(method.Type(), false)
			}
		case *types.Struct:
			for field := range t.Fields() {
				if field.Exported() {
					walk(field.Type(), false)
				}
			}
		}
	}
	_, isType := object.(*types.TypeName)
	walk(object.Type(), isType)
	return found
}

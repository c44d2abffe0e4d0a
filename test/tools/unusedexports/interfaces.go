package main

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/packages"
)

// collectInterfaces adds, by the names of their methods, the interfaces that the package writes down and those of all
// packages that it imports: error, fmt.Stringer, json.Marshaler and the like.
func collectInterfaces(pkg *packages.Package, interfaces map[string][]*types.Interface) {
	add := func(t types.Type) {
		if t == nil {
			return
		}
		i, is := t.Underlying().(*types.Interface)
		if !is {
			return
		}
		for method := range i.Methods() {
			interfaces[method.Name()] = append(interfaces[method.Name()], i)
		}
	}
	for _, file := range pkg.Syntax {
		ast.Inspect(file, func(node ast.Node) bool {
			if written, is := node.(*ast.InterfaceType); is {
				add(pkg.TypesInfo.TypeOf(written))
			}
			return true
		})
	}
	for _, imported := range pkg.Types.Imports() {
		for _, name := range imported.Scope().Names() {
			if object, is := imported.Scope().Lookup(name).(*types.TypeName); is {
				add(object.Type())
			}
		}
	}
	add(types.Universe.Lookup("error").Type())
}

// satisfies reports whether the method's type is one of the interfaces, which all have a method of that name.
func satisfies(method *types.Func, interfaces []*types.Interface) bool {
	receiver := method.Signature().Recv()
	if receiver == nil {
		return false
	}
	for _, i := range interfaces {
		if types.Implements(receiver.Type(), i) || types.Implements(types.NewPointer(receiver.Type()), i) {
			return true
		}
	}
	return method.Name() == "Format" || method.Name() == "Unwrap" || method.Name() == "Is" || method.Name() == "As"
}

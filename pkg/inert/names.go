package inert

import (
	"strconv"
	"strings"
)

// Name is how messages name an object: kind namespace/name, or kind name where there is no namespace.
func Name(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

// TypeName is how kubectl's command lines name an object: TYPE/NAME.
func TypeName(kind, name string) string { return strings.ToLower(kind) + "/" + name }

// List names the items, and of more than most only how many more there are.
func List(items []string, most int) string {
	if len(items) <= most {
		return strings.Join(items, ", ")
	}
	return strings.Join(items[:most], ", ") + " and " + strconv.Itoa(len(items)-most) + " more"
}

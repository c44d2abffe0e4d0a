package mesh

import "slices"

type byNamespaceMemory struct{}

// NamespaceOf is the namespace that an object belongs to: its own, for a Namespace that of its name, and empty for the other
// cluster-scoped objects.
func NamespaceOf(key Key) string {
	if key.Kind == KindNamespace {
		return key.Name
	}
	return key.Namespace
}

// byNamespace are the objects by NamespaceOf.
func (s *Snapshot) byNamespace() map[string][]Sourced {
	return Remember(s, byNamespaceMemory{}, func() map[string][]Sourced {
		index := map[string][]Sourced{}
		for kind, ofKind := range s.byKind {
			for _, sourced := range ofKind {
				namespace := NamespaceOf(Key{Kind: kind, Namespace: sourced.Object.GetNamespace(), Name: sourced.Object.GetName()})
				index[namespace] = append(index[namespace], sourced)
			}
		}
		return index
	})
}

// HasOthers reports whether an object belongs to a namespace that is none of these.
func (s *Snapshot) HasOthers(namespaces []string) bool {
	for namespace := range s.byNamespace() {
		if namespace != "" && !slices.Contains(namespaces, namespace) {
			return true
		}
	}
	return false
}

// Within is the Snapshot that the objects of some namespaces and the cluster-scoped ones would make by themselves, and of the kinds
// that are given all objects; gaps are parts that it does not have besides.
func (s *Snapshot) Within(namespaces []string, kinds []Kind, gaps ...Gap) *Snapshot {
	index := s.byNamespace()
	objects := slices.Clone(index[""])
	for _, namespace := range namespaces {
		objects = append(objects, index[namespace]...)
	}
	for _, kind := range kinds {
		for _, sourced := range s.byKind[kind] {
			if !slices.Contains(namespaces, sourced.Object.GetNamespace()) {
				objects = append(objects, sourced)
			}
		}
	}
	return s.of(objects, gaps...)
}

// Without is the Snapshot without the objects of one namespace.
func (s *Snapshot) Without(namespace string) *Snapshot {
	var objects []Sourced
	for of, ofNamespace := range s.byNamespace() {
		if of != namespace {
			objects = append(objects, ofNamespace...)
		}
	}
	return s.of(objects)
}

// Has reports whether an object of the whole is in this part.
func (s *Snapshot) Has(object Object) bool {
	found, ok := s.find(KeyOf(object))
	return ok && found.Object == object
}

// of is a Snapshot of some of the objects, which it shares. What is asked of it is nobody's reading.
func (s *Snapshot) of(objects []Sourced, gaps ...Gap) *Snapshot {
	part := &Snapshot{byKind: map[Kind][]Sourced{}, options: s.options, parent: s}
	part.options.Gaps, part.options.OnRead = slices.Concat(s.options.Gaps, gaps), nil
	part.add(objects)
	return part
}

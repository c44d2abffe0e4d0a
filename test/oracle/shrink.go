package oracle

import (
	"slices"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Question is what istiod and the model are asked about a mesh.
type Question struct {
	Istiod func(*Mesh) (Facts, error)
	Model  func(*Mesh) Facts
}

// Differences are those between the two answers.
func (q Question) Differences(m *Mesh) ([]Difference, error) {
	istiod, err := q.Istiod(m)
	if err != nil {
		return nil, err
	}
	return Compare(istiod, q.Model(m)), nil
}

// patience bounds the time that one mesh is made smaller for.
const patience = 60 * time.Second

// Shrink leaves out of a mesh what is not needed for a difference on the topic: objects first, then parts of objects.
func (q Question) Shrink(m *Mesh, topic string) *Mesh {
	s := &shrinker{question: q, topic: topic, until: time.Now().Add(patience), best: m}
	for s.smaller() {
	}
	return s.best
}

type shrinker struct {
	question Question
	topic    string
	until    time.Time
	best     *Mesh
}

// smaller tries to leave out each object and each part once; it says whether something could be left out.
func (s *shrinker) smaller() bool {
	found := false
	for i := len(s.best.Objects) - 1; i >= 0; i-- {
		found = s.try(slices.Delete(slices.Clone(s.best.Objects), i, i+1)) || found
	}
	for i := len(s.best.Objects) - 1; i >= 0; i-- {
		found = s.smallerObject(i) || found
	}
	return found
}

// try takes the objects for the mesh if they still show the difference.
func (s *shrinker) try(objects []mesh.Object) bool {
	if time.Now().After(s.until) {
		return false
	}
	candidate := &Mesh{Seed: s.best.Seed, Objects: objects}
	differences, err := s.question.Differences(candidate)
	if err != nil || !slices.ContainsFunc(differences, func(d Difference) bool { return d.topic == s.topic }) {
		return false
	}
	s.best = candidate
	return true
}

// smallerObject leaves out parts of one object.
func (s *shrinker) smallerObject(place int) bool {
	found := false
	_, _, isIstio := configOf(s.best.Objects[place])
	form, err := mesh.ToUnstructured(s.best.Objects[place])
	if err != nil {
		return false
	}
	for _, path := range partsOf(form.Object, nil, isIstio) {
		form, err := mesh.ToUnstructured(s.best.Objects[place])
		if err != nil {
			return found
		}
		if !without(form.Object, path) {
			continue
		}
		object, ok, err := mesh.FromUnstructured(form)
		if err != nil || !ok || refused(object) != nil {
			continue
		}
		objects := slices.Clone(s.best.Objects)
		objects[place] = object
		found = s.try(objects) || found
	}
	return found
}

// kept are fields by which objects, and rules in them, are known.
var kept = []string{"apiVersion", "kind", "name", "namespace", "status", "containers", "template", "creationTimestamp"}

// partsOf are the paths of everything that may be left out, the outer and the later first. Of Kubernetes' own objects only elements of
// lists and labels may be: the rest makes them what they are.
func partsOf(value any, at []any, fields bool) [][]any {
	var paths [][]any
	step := func(key any) []any { return append(slices.Clone(at), key) }
	switch typed := value.(type) {
	case map[string]any:
		for key, child := range typed {
			if slices.Contains(kept, key) {
				continue
			}
			if fields && len(at) > 0 {
				paths = append(paths, step(key))
			}
			paths = append(paths, partsOf(child, step(key), fields)...)
		}
	case []any:
		for i := len(typed) - 1; i >= 0; i-- {
			if len(typed) > 1 {
				paths = append(paths, step(i))
			}
			paths = append(paths, partsOf(typed[i], step(i), fields)...)
		}
	}
	return paths
}

// without removes what is at the path; false if it is not there.
func without(form map[string]any, path []any) bool {
	var holder any = form
	for depth, key := range path {
		last := depth == len(path)-1
		switch typed := holder.(type) {
		case map[string]any:
			child, ok := typed[key.(string)]
			if !ok {
				return false
			}
			if last {
				delete(typed, key.(string))
				return true
			}
			if list, isList := child.([]any); isList && depth == len(path)-2 {
				i := path[depth+1].(int)
				if i >= len(list) || len(list) < 2 {
					return false
				}
				typed[key.(string)] = slices.Delete(list, i, i+1)
				return true
			}
			holder = child
		case []any:
			i, ok := key.(int)
			if !ok || i >= len(typed) {
				return false
			}
			holder = typed[i]
		default:
			return false
		}
	}
	return false
}

package manifest

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// wholeDocument stands for the place of an object that is a document of its own, not an item of a list.
const wholeDocument = -1

// object is one object of a document.
type object struct {
	document *document
	// item is its place among the items of a list, or wholeDocument.
	item int
	// key is empty for kinds that the model does not read; typed is nil for them, and where the object could not be read.
	key   mesh.Key
	typed mesh.Object
	// unread is set for those of them that make pods.
	unread *mesh.UnreadWorkload
	// groupKind is that of kinds that are not read.
	groupKind schema.GroupKind
	line      int
	// namespaceGiven says that the manifest does not say its namespace.
	namespaceGiven bool
}

// notKubernetes is said of YAML that is something else: the values of a chart, a workflow.
const notKubernetes = "it has no apiVersion and kind, so it is not a Kubernetes object"

// objects are the document's objects. Every fault of the document is reported, not only the first.
func (d *document) objects(namespace string) ([]object, error) {
	if !d.file.named {
		if found, ok := d.atAGlance(); ok {
			return []object{found}, nil
		}
		if isPlainlyOther(d.text()) {
			return nil, &notKubernetesError{d.errorAt(1, "%s", notKubernetes)}
		}
	}
	root, err := d.parse()
	switch {
	case err != nil:
		return nil, d.syntaxError(err)
	case root == nil || root.ShortTag() == "!!null":
		return nil, nil
	case root.Kind != yaml.MappingNode:
		return nil, &notKubernetesError{d.errorAt(root.Line, "a Kubernetes object is a mapping that begins with apiVersion and kind; this is not one")}
	}
	meta := typeOf(root)
	items, isList := itemsOf(root, meta)
	if !isList {
		decoded, err := d.decode(root, meta, wholeDocument, namespace)
		return []object{decoded}, err
	}
	decoded := make([]object, 0, len(items.Content))
	var faults []error
	for i, item := range items.Content {
		one, err := d.decode(item, elementType(typeOf(item), meta), i, namespace)
		faults = append(faults, err)
		decoded = append(decoded, one)
	}
	return decoded, errors.Join(faults...)
}

func typeOf(node *yaml.Node) metav1.TypeMeta {
	var meta metav1.TypeMeta
	if _, version := yamltext.FindStep(node, "apiVersion"); version != nil {
		meta.APIVersion = version.Value
	}
	if _, kind := yamltext.FindStep(node, "kind"); kind != nil {
		meta.Kind = kind.Value
	}
	return meta
}

// itemsOf says whether a node is a list of objects: "kind: List", or of one type as "kind: ServiceList".
func itemsOf(node *yaml.Node, meta metav1.TypeMeta) (items *yaml.Node, isList bool) {
	if !strings.HasSuffix(meta.Kind, "List") {
		return nil, false
	}
	_, items = yamltext.FindStep(node, "items")
	return items, items != nil && items.Kind == yaml.SequenceNode
}

// elementType is an item's type; the items of a list of one type may leave theirs out.
func elementType(item, list metav1.TypeMeta) metav1.TypeMeta {
	if item.Kind == "" && item.APIVersion == "" {
		item = metav1.TypeMeta{APIVersion: list.APIVersion, Kind: strings.TrimSuffix(list.Kind, "List")}
	}
	return item
}

func (d *document) decode(node *yaml.Node, meta metav1.TypeMeta, item int, namespace string) (object, error) {
	found := object{document: d, item: item, line: d.fileLine(node.Line)}
	_, metadata := yamltext.FindStep(node, "metadata")
	switch {
	case meta.Kind == "" && meta.APIVersion == "":
		return found, &notKubernetesError{d.errorAt(node.Line, "%s", notKubernetes)}
	case meta.Kind == "":
		fault := d.errorAt(node.Line, "the object has an apiVersion (%s) but no kind", meta.APIVersion)
		if metadata != nil {
			return found, fault
		}
		return found, &notKubernetesError{fault}
	case meta.APIVersion == "":
		fault := d.errorAt(node.Line, "the %s has no apiVersion", meta.Kind)
		if metadata != nil {
			return found, fault
		}
		return found, &notKubernetesError{fault}
	}
	version, err := schema.ParseGroupVersion(meta.APIVersion)
	if err != nil {
		return found, d.errorAt(node.Line, "the apiVersion %q of the %s is not of the form group/version", meta.APIVersion, meta.Kind)
	}
	gk := version.WithKind(meta.Kind).GroupKind()
	kind, read := mesh.KindOf(gk)
	if read {
		found.key = statedKey(kind, metadata, namespace)
	}
	if _, sops := yamltext.FindStep(node, "sops"); sops != nil && sops.Kind == yaml.MappingNode && !d.file.named {
		return found, d.errorAt(node.Line, "the %s is encrypted with SOPS", meta.Kind)
	}
	data, err := yamltext.ToJSON(node, d.end-d.start)
	if err != nil {
		return found, d.valueError(err)
	}
	if !read || kind == mesh.KindRollout {
		// Of a Rollout, only whose pods it scales is read.
		found.groupKind, found.unread = gk, unreadWorkload(gk, data, namespace)
	}
	if !read {
		return found, nil
	}
	typed, err := mesh.DecodeAs(kind, data)
	if err != nil {
		return found, d.typeError(node, kind, err)
	}
	return d.identify(found, typed, node, meta, namespace)
}

// statedKey is the identity that an object's metadata says, before it is known whether it can be read; an empty name for none.
func statedKey(kind mesh.Kind, metadata *yaml.Node, namespace string) mesh.Key {
	key := mesh.Key{Kind: kind, Namespace: namespace}
	if metadata == nil {
		return key
	}
	if _, name := yamltext.FindStep(metadata, "name"); name != nil {
		key.Name = name.Value
	}
	if _, said := yamltext.FindStep(metadata, "namespace"); said != nil {
		key.Namespace = said.Value
	}
	if kind.Info().ClusterScoped {
		key.Namespace = ""
	}
	return key
}

// identify fills in what the client would: the namespace, and the type of a list's item.
func (d *document) identify(found object, typed mesh.Object, node *yaml.Node, meta metav1.TypeMeta, namespace string) (object, error) {
	typed.GetObjectKind().SetGroupVersionKind(schema.FromAPIVersionAndKind(meta.APIVersion, meta.Kind))
	if typed.GetName() == "" {
		typed.SetName(typed.GetGenerateName())
	}
	if typed.GetName() == "" {
		return found, d.errorAt(yamltext.LineOf(node, []string{"metadata"}), "the %s has no name: metadata.name is missing", meta.Kind)
	}
	kind, _ := mesh.KindOfObject(typed)
	switch {
	case kind.Info().ClusterScoped:
		typed.SetNamespace("")
	case typed.GetNamespace() == "":
		found.namespaceGiven = true
		typed.SetNamespace(namespace)
	}
	found.key, found.typed = mesh.KeyOf(typed), typed
	return found, nil
}

// notKubernetesError is passed over in directories, and an error where the user named the file.
type notKubernetesError struct{ fault *Error }

func (e *notKubernetesError) Error() string { return e.fault.Error() }
func (e *notKubernetesError) Unwrap() error { return e.fault }

func (d *document) valueError(err error) *Error {
	var fault *yamltext.ValueError
	if errors.As(err, &fault) {
		return d.errorAt(fault.Line, "%s", fault.Message)
	}
	return d.errorAt(1, "%s", err.Error())
}

package plan

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
)

const (
	// ManagedByLabel on an object with the value Manager says that create made it.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// Manager is the field manager of every write, and the value of ManagedByLabel.
	Manager = "kubectl-grpcexpose"
	// ForAnnotation on an object of our own names the workload that create made it for, as Kind/namespace/name. Who else has
	// come to use it is never noted: it is derived from what refers to it.
	ForAnnotation = "grpcexpose/for"
)

// Owner is the workload for which create makes an object.
type Owner struct{ Kind, Namespace, Name string }

// String is the value of ForAnnotation.
func (o Owner) String() string { return o.Kind + "/" + o.Namespace + "/" + o.Name }

// argument is the workload as kubectl's command lines name it, TYPE/NAME.
func (o Owner) argument() string { return inert.TypeName(o.Kind, o.Name) }

// IsOwn reports whether create made the object, as far as its marks say. Anybody may write marks in a namespace of his own, so
// a mark counts only where create writes.
func IsOwn(object metav1.Object) bool { return object.GetLabels()[ManagedByLabel] == Manager }

// IsOwnFor reports the same for an object that create made for one workload.
func IsOwnFor(object metav1.Object, owner Owner) bool {
	owners := strings.FieldsFunc(object.GetAnnotations()[ForAnnotation], func(r rune) bool { return r == ',' || r == ' ' })
	return IsOwn(object) && slices.Contains(owners, owner.String())
}

// OwnerOf is the workload that ForAnnotation names; ok is false where it names none.
func OwnerOf(object metav1.Object) (owner Owner, ok bool) {
	parts := strings.Split(object.GetAnnotations()[ForAnnotation], "/")
	if len(parts) != 3 {
		return Owner{}, false
	}
	return Owner{Kind: parts[0], Namespace: parts[1], Name: parts[2]}, true
}

// OwnerText names the workload that ForAnnotation names, as TYPE/NAME.
func OwnerText(object metav1.Object) string {
	if owner, ok := OwnerOf(object); ok {
		return owner.argument()
	}
	return "a workload"
}

package cluster

import (
	"fmt"
	"strings"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/fieldowner"
)

// Unreachable says that no answer came from the API server.
type Unreachable struct {
	// Server is its URL, Cause why, Next what the user can do, as clauses.
	Server, Cause, Next string
}

func (e *Unreachable) Error() string {
	return fmt.Sprintf("the API server at %s cannot be reached: %s; %s", e.Server, e.Cause, e.Next)
}

// Unauthorized says that the API server does not know who is asking.
type Unauthorized struct{ Server, Cause string }

func (e *Unauthorized) Error() string {
	return fmt.Sprintf("the API server at %s does not accept the kubeconfig's credentials (%s); log in again, or choose another user or context", e.Server, e.Cause)
}

// Forbidden says what the user may not do.
type Forbidden struct {
	Missing []Permission
}

func (e *Forbidden) Error() string {
	missing := make([]string, len(e.Missing))
	for i, permission := range e.Missing {
		missing[i] = permission.String()
	}
	return fmt.Sprintf("you may not %s; ask an administrator for a Role that allows it", strings.Join(missing, ", nor "))
}

// NotServed says that the API server has no such resource.
type NotServed struct {
	// CRD is the name of the CustomResourceDefinition that would serve it.
	CRD string
}

func (e *NotServed) Error() string {
	return fmt.Sprintf("the cluster has no CRD %s; install what brings it (for Istio: istioctl install, or the base chart)", e.CRD)
}

// NotFound says that an object is not there.
type NotFound struct{ Object string }

func (e *NotFound) Error() string {
	return fmt.Sprintf("%s does not exist; check its name, its namespace and the kubeconfig context", e.Object)
}

// AlreadyExists says that an object that was to be made is there, and is somebody else's.
type AlreadyExists struct {
	Object string
	// raced is true where it was not there a moment before: it has to be read to know whose it is.
	raced bool
}

func (e *AlreadyExists) Error() string {
	return fmt.Sprintf("%s already exists and was not made by this program; run the command again to plan with it, or choose another name", e.Object)
}

// FieldConflict is a field that was to be changed, and who owns it.
type FieldConflict = fieldowner.Conflict

// Conflict says that fields belong to others who would set them back.
type Conflict struct {
	Object string
	Fields []FieldConflict
	// raced is true where the owners may be others a moment later; version is the one from which the write started.
	raced   bool
	version string
	// Flagless is WriteOptions.Flagless.
	Flagless bool
}

func (e *Conflict) Error() string {
	next := "make the change where the owner takes it from (-o yaml prints it), or take the fields over with --force-conflicts"
	if e.Flagless {
		next = "make the change where the owner takes it from"
	}
	return fmt.Sprintf("%s: %s; %s", e.Object, fieldsByOwner(e.Fields, "owns"), next)
}

// Modified says that an object is no longer what the plan was made from.
type Modified struct {
	Object, Detail string
	// raced is true where somebody was quicker: reading the object and trying again is all it takes.
	raced bool
	// version is the one from which the write that was too late started.
	version string
}

func (e *Modified) Error() string {
	return fmt.Sprintf("%s was changed by someone else after it was read (%s); run the command again", e.Object, e.Detail)
}

// NamespaceTerminating says that an object cannot be written because its namespace is being deleted.
type NamespaceTerminating struct{ Object, Namespace string }

func (e *NamespaceTerminating) Error() string {
	return fmt.Sprintf("%s cannot be written: namespace %s is being deleted; run the command again once the namespace exists again", e.Object, e.Namespace)
}

// Refused says that the cluster's own rules do not let a change in.
type Refused struct {
	Object string
	// By names what refused: "admission webhook validation.istio.io".
	By string
	// Message is its own explanation, without what the API server put around it.
	Message string
	// Unavailable is true where it gave no answer, and so nothing gets past it.
	Unavailable bool
}

func (e *Refused) Error() string {
	if e.Unavailable {
		return fmt.Sprintf("%s: %s does not answer (%s); nothing that it guards can be changed until it does", e.Object, e.By, e.Message)
	}
	return fmt.Sprintf("%s is refused by %s: %s", e.Object, e.By, e.Message)
}

// QuotaExceeded says that a ResourceQuota has no room.
type QuotaExceeded struct{ Object, Quota, Message string }

func (e *QuotaExceeded) Error() string {
	return fmt.Sprintf("%s: ResourceQuota %s leaves no room for it (%s); raise the quota or free some of it", e.Object, e.Quota, e.Message)
}

// Invalid says that the API server does not take an object's fields as they are.
type Invalid struct {
	Object string
	// Causes are one clause for each field.
	Causes []string
}

func (e *Invalid) Error() string {
	return fmt.Sprintf("%s is not valid: %s", e.Object, strings.Join(e.Causes, "; "))
}

// Timeout says that time ran out.
type Timeout struct {
	// Doing is what was under way, as a clause with -ing; After is how long it was given, 0 where the caller's own limit ended it.
	Doing string
	After time.Duration
	// Explanation says what held it up, empty where that is not known.
	Explanation string
}

func (e *Timeout) Error() string {
	text := "the time limit was reached while " + e.Doing
	if e.After > 0 {
		text = fmt.Sprintf("no answer within %s while %s", e.After, e.Doing)
	}
	if e.Explanation != "" {
		text += ": " + e.Explanation
	}
	return text
}

// ServerFailure says that the API server could not do it, for a reason of its own.
type ServerFailure struct{ Server, Doing, Message string }

func (e *ServerFailure) Error() string {
	return fmt.Sprintf("the API server at %s failed while %s: %s; try again in a moment", e.Server, e.Doing, e.Message)
}

// fieldsByOwner lists fields under each owner: "Helm (release web) owns .spec.ports and .spec.type".
func fieldsByOwner(conflicts []FieldConflict, verb string) string {
	fields := map[string][]string{}
	var owners []string
	for _, conflict := range conflicts {
		if len(fields[conflict.Owner]) == 0 {
			owners = append(owners, conflict.Owner)
		}
		fields[conflict.Owner] = append(fields[conflict.Owner], conflict.Field)
	}
	clauses := make([]string, len(owners))
	for i, owner := range owners {
		clauses[i] = owner + " " + verb + " " + strings.Join(fields[owner], ", ")
	}
	return strings.Join(clauses, "; ")
}

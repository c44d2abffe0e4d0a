package lint

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// explanation says that findings of some checks are about the fault that findings of another one show as well: where the two
// meet in a key, only the explaining one is shown.
type explanation struct {
	by        []string
	explained string
	keys      func(*mesh.Snapshot, checks.Finding) keys
}

// keys are what an explanation is filed under, and what the explained finding is looked for under.
type keys struct{ explains, explained []string }

func under(key ...string) keys { return keys{explains: key, explained: key} }

// explanations are the table "one fault, one finding". The pairs that judge the same Service port (GX302 and GX309 over GX301,
// GX304 over GX201), and GX408 and GX506, which divide the cases between them, leave each other's alone by themselves.
var explanations = []explanation{
	{[]string{"GX101"}, "GX104", everywhere},
	{[]string{"GX103"}, "GX104", sameObject},
	{[]string{"GX105"}, "GX102", sameObject},
	{[]string{"GX113"}, "GX102", sameNamespace},
	{[]string{"GX114"}, "GX113", sameNamespace},
	{[]string{"GX404"}, "GX403", sameElement},
	{[]string{"GX417"}, "GX415", sameFront},
	{[]string{"GX420"}, "GX416", sameObject},
	{[]string{"GX501", "GX502", "GX506", "GX513", "GX801", "GX802", "GX803"}, "GX414", sameGateway},
	{[]string{"GX513"}, "GX505", sameDestination},
	{[]string{"GX702", "GX703", "GX706"}, "GX701", sameWorkload},
	{[]string{"GX701", "GX702", "GX703"}, "GX708", sameObject},
}

// oneFaultOneFinding leaves out the findings that another one explains. One that is left out explains all the same.
func oneFaultOneFinding(snapshot *mesh.Snapshot, findings []checks.Finding) []checks.Finding {
	byID := map[string][]checks.Finding{}
	for _, finding := range findings {
		byID[finding.ID] = append(byID[finding.ID], finding)
	}
	type filed struct{ explained, key string }
	explaining := map[filed]bool{}
	relations := map[string][]explanation{}
	for _, rule := range explanations {
		relations[rule.explained] = append(relations[rule.explained], rule)
		if len(byID[rule.explained]) == 0 {
			continue
		}
		for _, id := range rule.by {
			for _, finding := range byID[id] {
				for _, key := range rule.keys(snapshot, finding).explains {
					explaining[filed{rule.explained, key}] = true
				}
			}
		}
	}
	return slices.DeleteFunc(findings, func(finding checks.Finding) bool {
		return slices.ContainsFunc(relations[finding.ID], func(rule explanation) bool {
			return slices.ContainsFunc(rule.keys(snapshot, finding).explained, func(key string) bool {
				return explaining[filed{finding.ID, key}]
			})
		})
	})
}

func everywhere(*mesh.Snapshot, checks.Finding) keys { return under("everywhere") }

func sameObject(_ *mesh.Snapshot, finding checks.Finding) keys {
	return under("object " + mesh.KeyOf(finding.Object).String())
}

// sameElement: the same element of a list of the same object, as one server of a Gateway.
func sameElement(_ *mesh.Snapshot, finding checks.Finding) keys {
	return under("element " + mesh.KeyOf(finding.Object).String() + " " + finding.Path.Element().String())
}

// sameNamespace: objects in one namespace, or the namespace itself.
func sameNamespace(_ *mesh.Snapshot, finding checks.Finding) keys {
	key := mesh.KeyOf(finding.Object)
	if key.Kind == mesh.KindNamespace {
		return under("namespace " + key.Name)
	}
	return under("namespace " + key.Namespace)
}

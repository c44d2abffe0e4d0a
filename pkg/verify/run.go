package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// Run makes a trial and returns what it has shown, with the findings about the path where that is bad.
func Run(ctx context.Context, streams report.Streams, client *cluster.Client, snapshot *mesh.Snapshot, workload *workload.Workload, t Trial) (*report.Verification, error) {
	v := &verifier{streams: streams, client: client, snapshot: snapshot, workload: workload, trial: t}
	if err := v.enter(ctx); err != nil {
		return nil, err
	}
	shown, err := v.make(ctx)
	if err != nil || shown.Good() {
		return shown, err
	}
	shown.Findings, err = interrupt.Until(ctx, func() ([]checks.Finding, error) { return review.Findings(snapshot, workload.Key), nil })
	return shown, err
}

// verifier makes one trial.
type verifier struct {
	streams  report.Streams
	client   *cluster.Client
	snapshot *mesh.Snapshot
	workload *workload.Workload
	trial    Trial
	// entrance is nil where no gateway is known to lead to the workload.
	entrance *callpath.Entrance
}

// enter finds where calls enter; until ctx ends, because it takes the model of the whole mesh.
func (v *verifier) enter(ctx context.Context) (err error) {
	v.entrance, err = interrupt.Until(ctx, func() (*callpath.Entrance, error) {
		return expose.ChooseEntrance(v.snapshot, v.workload, v.trial.GatewayWorkload)
	})
	return err
}

// make makes the calls, within the trial's time.
func (v *verifier) make(ctx context.Context) (*report.Verification, error) {
	shown := &report.Verification{Workload: v.workload.Key}
	if v.entrance == nil && v.trial.Address == "" {
		if err := Nowhere(v.snapshot, v.workload); err != nil {
			return nil, err
		}
		shown.Verdict, shown.Why = traffic.NotExposed, "no route of a gateway leads to the workload: create makes one, and --address calls elsewhere"
		return shown, nil
	}
	bounded, cancel := context.WithTimeout(ctx, v.trial.Timeout)
	defer cancel()
	target, done, err := v.target(bounded, shown)
	if err != nil {
		return nil, err
	}
	defer done()
	watched := v.observe(bounded)
	defer watched.close()
	// What follows the calls has its share of the time too.
	parts := 1
	if v.trial.Compare {
		parts = 2
	}
	first, over := traffic.TimeShare(bounded, parts, v.trial.Timeout)
	defer over()
	if err := v.calls(first, target, watched, shown); err != nil {
		return nil, err
	}
	if v.trial.Compare {
		if shown.Compared, err = v.compare(bounded); err != nil {
			shown.Notes = append(shown.Notes, "nothing to compare with: "+err.Error())
		}
	}
	return shown, ctx.Err()
}

// target is where to call: what the user says, the gateway's address, or where it has none that can be reached from here, a
// port-forward to one of its pods. done ends the port-forward.
func (v *verifier) target(ctx context.Context, shown *report.Verification) (target traffic.Target, done func(), err error) {
	done = func() {}
	at := func(address string) traffic.Target {
		shown.Address = address
		return v.trial.Target(v.entrance, address)
	}
	if v.trial.Address != "" {
		target = at(v.trial.Address)
		return target, done, v.checkCredentials(target, false)
	}
	outside := v.entrance.Addresses
	if len(outside) > 0 {
		if err := v.checkCredentials(at(outside[0]), false); err != nil {
			return target, done, err
		}
		v.await(ctx, at(outside[0]))
	}
	opened, reached, unreachable := traffic.Open(ctx, outside)
	switch {
	case opened != nil:
		target = at(reached)
		target.Opened = opened
		return target, done, nil
	case len(outside) > 0 && v.entrance.Broken:
		return at(outside[0]), done, nil // the calls are to show it
	}
	forward, err := v.forwardToGateway(ctx)
	switch {
	case ctx.Err() != nil:
		return target, done, ctx.Err()
	case err != nil && len(outside) > 0:
		return at(outside[0]), done, nil
	case err != nil:
		return target, done, fmt.Errorf("%s has no address outside, and %w; name an address with --address", v.entrance.Gateway(), err)
	case len(outside) > 0:
		shown.Notes = append(shown.Notes, fmt.Sprintf("%s cannot be reached from here (%v): the calls went past it, to a pod of the gateway", outside[0], unreachable))
	}
	target = at(forward.Address)
	shown.Address = fmt.Sprintf("port %d of %s by port-forward", v.entrance.ListenerPort, mesh.KeyOf(v.entrance.Gateway().Pods[0]))
	if err := v.checkCredentials(target, true); err != nil {
		forward.Close()
		return target, done, err
	}
	if len(outside) == 0 {
		v.await(ctx, target)
	}
	return target, forward.Close, nil
}

// await gives what has just been made the trial's patience to reach the gateway. Whether it has is for the calls to show.
func (v *verifier) await(ctx context.Context, target traffic.Target) {
	if v.trial.Patience > 0 {
		patient, cancel := context.WithTimeout(ctx, v.trial.Patience)
		defer cancel()
		traffic.Await(patient, target, v.trial.Wish)
	}
}

// forwardToGateway leads a local port to the entrance's listener.
func (v *verifier) forwardToGateway(ctx context.Context) (*cluster.PortForward, error) {
	pods := v.entrance.Gateway().Pods
	if len(pods) == 0 {
		return nil, errors.New("no pod of it is known")
	}
	return v.forward(ctx, types.NamespacedName{Namespace: pods[0].Namespace, Name: pods[0].Name}, v.entrance.ListenerPort)
}

// forwardTime is how long a port-forward may take to come about.
const forwardTime = 10 * time.Second

// forward leads a local port to a pod's, within a share of the time.
func (v *verifier) forward(ctx context.Context, pod types.NamespacedName, port int32) (*cluster.PortForward, error) {
	ctx, cancel := traffic.TimeShare(ctx, 4, forwardTime)
	defer cancel()
	return v.client.PortForward(ctx, pod, port)
}

// calls makes the calls to a target and judges them.
func (v *verifier) calls(ctx context.Context, target traffic.Target, watched observer, shown *report.Verification) error {
	connection, err := traffic.Connect(target)
	if err != nil {
		return err
	}
	defer connection.Close()
	call, err := traffic.Choose(ctx, connection, v.trial.Wish)
	if err != nil {
		return err
	}
	before, err := watched.count(ctx)
	if err != nil {
		shown.Notes = append(shown.Notes, err.Error())
	}
	options := v.trial.Run
	progress := report.NewProgress(v.streams, options.Requests)
	options.Progress = progress.Show
	// The counters are read once more when the calls are over.
	shown.Call = call.Name
	calling, over := v.leaveTime(ctx)
	shown.Result = traffic.Run(calling, connection, call, options)
	over()
	progress.Clear()
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	shown.Connections = connection.Made()
	if call.Note != "" {
		shown.Notes = append(shown.Notes, call.Note)
	}
	if before != nil {
		after, err := watched.count(ctx)
		if err != nil {
			shown.Notes = append(shown.Notes, err.Error())
		} else {
			shown.Shares, shown.CountedBy = watched.shares(after.Since(before)), watched.name()
		}
	}
	v.addNotes(shown, target)
	shown.Verdict, shown.Why = traffic.Judge(shown.Result, shown.Shares)
	return nil
}

// leaveTime keeps a part of the time for what follows the calls.
func (v *verifier) leaveTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(deadline)
	return context.WithTimeout(ctx, left-min(left/8, 5*time.Second))
}

// addNotes says what may surprise.
func (v *verifier) addNotes(shown *report.Verification, target traffic.Target) {
	if shown.Connections > 1 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("the other side closed the connection in between: there were %d", shown.Connections))
	}
	if len(v.trial.Headers) > 0 && v.trial.Wish.Method == "" {
		shown.Notes = append(shown.Notes, "--header was not sent: it goes with a method of yours (--call), never with probes of the health service or reflection")
	}
	if v.entrance != nil && v.entrance.MutualTLS && target.TLS != nil && len(target.TLS.Certificates) == 0 {
		shown.Notes = append(shown.Notes, "the gateway asks for a client's certificate: give it with --cert and --key")
	}
	var counted uint64
	for _, share := range shown.Shares {
		counted += share.Calls
	}
	if made := uint64(shown.Result.Made); counted > made {
		shown.Notes = append(shown.Notes, fmt.Sprintf("%d requests of others, or second attempts of the gateway's, were counted too", counted-made))
	}
}

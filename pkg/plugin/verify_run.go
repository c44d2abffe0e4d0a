package plugin

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

func (o *verifyOptions) run(ctx context.Context) error {
	client, err := o.clients.client()
	if err != nil {
		return err
	}
	loaded, err := loadPath(ctx, client, o.workload.Namespace)
	if err != nil {
		return err
	}
	workload, err := expose.FindWorkload(loaded.Snapshot, o.workload.Kind, o.workload.Namespace, o.workload.Name)
	if err != nil {
		return withGaps(err, loaded)
	}
	return verify(ctx, o.streams, client, loaded.Snapshot, workload, o.trial, o.output)
}

// verify makes the trial and prints what it has shown. Its error is errBadAnswer where that is bad.
func verify(ctx context.Context, streams report.Streams, client *cluster.Client, snapshot *mesh.Snapshot, workload *mesh.Workload, t trial, output string) error {
	v := &verifier{streams: streams, client: client, snapshot: snapshot, workload: workload, trial: t}
	if entrances := expose.Entrances(snapshot, workload); len(entrances) > 0 {
		v.entrance = entrances[0]
	}
	shown, err := v.make(ctx)
	if err != nil {
		return err
	}
	if !shown.Good() {
		lint := checks.Run(snapshot, checks.Options{Only: checks.OnPathOf(snapshot, workload.Key)})
		shown.Findings = lint.Findings
	}
	if output == "json" {
		err = report.VerificationJSON(streams.Out, shown)
	} else {
		err = report.VerificationText(streams.Out, shown, streams.OutColour)
	}
	if err == nil && !shown.Good() {
		return errBadAnswer
	}
	return err
}

// verifier makes one trial.
type verifier struct {
	streams  report.Streams
	client   *cluster.Client
	snapshot *mesh.Snapshot
	workload *mesh.Workload
	trial    trial
	// entrance is nil where no gateway is known to lead to the workload.
	entrance *expose.Entrance
}

// make makes the calls, within the trial's time.
func (v *verifier) make(ctx context.Context) (*report.Verification, error) {
	shown := &report.Verification{Workload: v.workload.Key}
	if v.entrance == nil && v.trial.address == "" {
		if err := v.notFound(); err != nil {
			return nil, err
		}
		shown.Verdict, shown.Why = traffic.NotExposed, "no route of a gateway leads to the workload: create makes one, and --address calls elsewhere"
		return shown, nil
	}
	bounded, cancel := context.WithTimeout(ctx, v.trial.timeout)
	defer cancel()
	target, done, err := v.target(bounded, shown)
	if err != nil {
		return nil, err
	}
	defer done()
	watched := v.observe(bounded)
	defer watched.close()
	if err := v.calls(bounded, target, watched, shown); err != nil {
		return nil, err
	}
	if v.trial.compare {
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
		return v.trial.target(v.entrance, address)
	}
	if v.trial.address != "" {
		return at(v.trial.address), done, nil
	}
	outside := v.entrance.Addresses
	if len(outside) > 0 {
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
	case err != nil && len(outside) > 0:
		return at(outside[0]), done, nil
	case err != nil:
		return target, done, fmt.Errorf("%s has no address outside, and %w; name an address with --address", v.entrance.Gateway(), err)
	case len(outside) > 0:
		shown.Notes = append(shown.Notes, fmt.Sprintf("%s cannot be reached from here (%v): the calls went past it, to a pod of the gateway", outside[0], unreachable))
	}
	target = at(forward.Address)
	if len(outside) == 0 {
		v.await(ctx, target)
	}
	shown.Address = fmt.Sprintf("port %d of %s by port-forward", v.entrance.ListenerPort, mesh.KeyOf(v.entrance.Gateway().Pods[0]))
	return target, forward.Close, nil
}

// await gives what has just been made the trial's patience to reach the gateway. Whether it has is for the calls to show.
func (v *verifier) await(ctx context.Context, target traffic.Target) {
	if v.trial.patience > 0 {
		patient, cancel := context.WithTimeout(ctx, v.trial.patience)
		defer cancel()
		traffic.Await(patient, target, v.trial.wish)
	}
}

// forwardToGateway leads a local port to the entrance's listener.
func (v *verifier) forwardToGateway(ctx context.Context) (*cluster.PortForward, error) {
	pods := v.entrance.Gateway().Pods
	if len(pods) == 0 {
		return nil, errors.New("no pod of it is known")
	}
	return v.client.PortForward(ctx, types.NamespacedName{Namespace: pods[0].Namespace, Name: pods[0].Name}, v.entrance.ListenerPort)
}

// calls makes the calls to a target and judges them.
func (v *verifier) calls(ctx context.Context, target traffic.Target, watched observer, shown *report.Verification) error {
	connection, err := traffic.Connect(target)
	if err != nil {
		return err
	}
	defer connection.Close()
	call, err := traffic.Choose(ctx, connection, v.trial.wish)
	if err != nil {
		return err
	}
	before, err := watched.count(ctx)
	if err != nil {
		shown.Notes = append(shown.Notes, err.Error())
	}
	options := v.trial.run
	progress := report.NewProgress(v.streams, options.Requests)
	options.Progress = progress.Show
	shown.Call, shown.Result = call.Name, traffic.Run(ctx, connection, call, options)
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

// addNotes says what may surprise.
func (v *verifier) addNotes(shown *report.Verification, target traffic.Target) {
	if shown.Connections > 1 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("the other side closed the connection in between: there were %d", shown.Connections))
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

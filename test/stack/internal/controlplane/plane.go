// Package controlplane knows the command lines of a stack's processes and how to tell that they are ready.
package controlplane

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/binaries"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/credentials"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/ports"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/supervise"
)

// Plane is what the command lines of one stack have in common.
type Plane struct {
	Folder      string
	Binaries    binaries.Set
	Ports       ports.Ports
	Credentials *credentials.Files
	// EmulatedVersion is the Kubernetes version that API server, controllers and scheduler behave as; empty for their own.
	EmulatedVersion string
}

// emulation is the flag for it.
func (p *Plane) emulation() []string {
	if p.EmulatedVersion == "" {
		return nil
	}
	return []string{"--emulated-version=" + p.EmulatedVersion}
}

// LogFolder returns where the processes of the stack in the folder write their logs.
func LogFolder(folder string) string {
	return filepath.Join(folder, "logs")
}

// AuditLog returns where the API server of the stack in the folder writes its audit log.
func AuditLog(folder string) string {
	return filepath.Join(LogFolder(folder), "audit.log")
}

// EtcdData returns where the etcd of the stack in the folder keeps its data.
func EtcdData(folder string) string {
	return filepath.Join(folder, "run", "etcd", "data")
}

// command returns the command of the process, in a working directory of its own.
func (p *Plane) command(name, binary string, arguments ...string) (supervise.Command, error) {
	dir := filepath.Join(p.Folder, "run", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return supervise.Command{}, err
	}
	return supervise.Command{
		Name: name, Path: p.Binaries[binary], Arguments: arguments, Dir: dir,
		Log: filepath.Join(LogFolder(p.Folder), name+".log"),
		// Nothing of the caller's: a GODEBUG, a PILOT_ variable or a ~/.kwok of the developer must not change a stack.
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir},
	}, nil
}

// Etcd returns the command of etcd. It does not wait for the disk: its data does not outlive the stack.
func (p *Plane) Etcd() (supervise.Command, error) {
	client, peer := "http://"+ports.Local(p.Ports.EtcdClient), "http://"+ports.Local(p.Ports.EtcdPeer)
	return p.command("etcd", binaries.Etcd,
		"--name=stack", "--data-dir="+EtcdData(p.Folder),
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=stack="+peer,
		"--unsafe-no-fsync", "--log-level=warn", "--quota-backend-bytes=4294967296")
}

// auditPolicy has every request once, when it is answered, without bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// APIServer returns the command of kube-apiserver. It takes istio-ca as an audience of service account tokens because
// istiod asks for it, and registers no endpoint of itself because EndpointSlices refuse loopback addresses.
func (p *Plane) APIServer(audit bool) (supervise.Command, error) {
	arguments := []string{
		"--etcd-servers=http://" + ports.Local(p.Ports.EtcdClient),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		fmt.Sprintf("--secure-port=%d", p.Ports.APIServer),
		"--tls-cert-file=" + p.Credentials.ServerCert, "--tls-private-key-file=" + p.Credentials.ServerKey,
		"--client-ca-file=" + p.Credentials.CACert,
		"--service-account-key-file=" + p.Credentials.ServiceAccountPublic,
		"--service-account-signing-key-file=" + p.Credentials.ServiceAccountKey,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--api-audiences=https://kubernetes.default.svc.cluster.local,istio-ca",
		"--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC", "--allow-privileged=true",
		"--storage-media-type=application/vnd.kubernetes.protobuf", "--profiling=false", "--v=1",
	}
	arguments = append(arguments, p.emulation()...)
	if audit {
		policy := filepath.Join(p.Folder, "audit-policy.yaml")
		if err := os.WriteFile(policy, []byte(auditPolicy), 0o644); err != nil {
			return supervise.Command{}, err
		}
		arguments = append(arguments, "--audit-policy-file="+policy, "--audit-log-path="+AuditLog(p.Folder))
	}
	return p.command("kube-apiserver", binaries.KubeAPIServer, arguments...)
}

// ControllerManager returns the command of kube-controller-manager, with room for bursts of rollouts.
func (p *Plane) ControllerManager() (supervise.Command, error) {
	kubeconfig := p.Credentials.ControllerManager
	return p.command("kube-controller-manager", binaries.KubeControllerManager, append(p.emulation(),
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", p.Ports.ControllerManager), "--leader-elect=false",
		"--use-service-account-credentials", "--service-account-private-key-file="+p.Credentials.ServiceAccountKey,
		"--root-ca-file="+p.Credentials.CACert,
		"--cluster-signing-cert-file="+p.Credentials.CACert, "--cluster-signing-key-file="+p.Credentials.CAKey,
		"--kube-api-qps=200", "--kube-api-burst=400",
		"--concurrent-deployment-syncs=10", "--concurrent-replicaset-syncs=10")...)
}

// Scheduler returns the command of kube-scheduler.
func (p *Plane) Scheduler() (supervise.Command, error) {
	kubeconfig := p.Credentials.Scheduler
	return p.command("kube-scheduler", binaries.KubeScheduler, append(p.emulation(),
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", p.Ports.Scheduler), "--leader-elect=false",
		"--kube-api-qps=200", "--kube-api-burst=400")...)
}

// Kwok returns the command of kwok, which plays the kubelet of every node with the stages of the file, with more flags.
func (p *Plane) Kwok(stages string, more ...string) (supervise.Command, error) {
	return p.command("kwok", binaries.Kwok, append([]string{
		"--kubeconfig=" + p.Credentials.Admin, "--config=" + stages, "--manage-all-nodes",
		"--cidr=10.244.0.0/16", "--node-ip=127.0.0.1", "--node-lease-duration-seconds=40",
		"--server-address=" + ports.Local(p.Ports.Kubelet), fmt.Sprintf("--node-port=%d", p.Ports.Kubelet),
		"--tls-cert-file=" + p.Credentials.ServerCert, "--tls-private-key-file=" + p.Credentials.ServerKey,
	}, more...)...)
}

// IstiodName returns the name of the process of the revision's istiod, which is also its Deployment's.
func IstiodName(revision string) string {
	if revision == "default" {
		return "istiod"
	}
	return "istiod-" + revision
}

// Istiod returns the command of the revision's istiod, with extra environment variables in the form NAME=value. It runs
// outside of the cluster: no KUBERNETES_SERVICE_HOST, and a certificate for the loopback address, where the API server
// calls its webhooks.
func (p *Plane) Istiod(revision string, own ports.Istiod, extra []string) (supervise.Command, error) {
	name := IstiodName(revision)
	command, err := p.command(name, binaries.PilotDiscovery, "discovery",
		"--kubeconfig="+p.Credentials.Admin,
		"--httpAddr="+ports.Local(own.HTTP), "--httpsAddr="+ports.Local(own.Webhooks),
		"--grpcAddr="+ports.Local(own.GRPC), "--secureGRPCAddr="+ports.Local(own.SecureGRPC),
		"--monitoringAddr="+ports.Local(own.Monitoring), "--ctrlz_port=0",
		"--domain=cluster.local", "--shutdownDuration=1s", "--log_output_level=default:info")
	command.Env = append(command.Env,
		"POD_NAME="+name+"-local", "POD_NAMESPACE=istio-system", "SERVICE_ACCOUNT="+name, "REVISION="+revision,
		"CLUSTER_ID=Kubernetes", "PILOT_CERT_PROVIDER=istiod", "ISTIOD_CUSTOM_HOST=127.0.0.1,localhost",
		"PILOT_ENABLE_ANALYSIS=false", "KUBERNETES_SERVICE_HOST=")
	command.Env = append(command.Env, extra...)
	return command, err
}

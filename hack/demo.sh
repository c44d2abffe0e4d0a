#!/usr/bin/env bash
# The main job, for everybody to watch: builds the plugin and a control plane of local processes, and lets the plugin expose
# a Deployment on it. With KUBECONFIG_DEMO=FILE the live part runs on that cluster, in a namespace of its own.
# "demo.sh down" ends what the demo started.
set -euo pipefail
cd "$(dirname "$0")/.."

stack_name=demo
namespace=test
port=${DEMO_PORT:-8000}

if [[ ${1:-} == down ]]; then
  if [[ -n ${KUBECONFIG_DEMO:-} ]]; then
    exec kubectl --kubeconfig "$KUBECONFIG_DEMO" delete namespace grpcexpose-demo --ignore-not-found
  fi
  make --silent stack-down NAME=$stack_name
  exit 0
fi

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
# show prints a command as the user would type it, and runs it.
show() { printf '\n$ %s\n' "$*"; "$@"; }

say "Building the plugin (the first time about a minute on two cores)"
time_started=$SECONDS
make --silent build
echo "built in $((SECONDS - time_started)) s"
export PATH=$PWD/bin:$PATH

say "Without a cluster: the complete manifests for a repository"
printf '\n$ kubectl grpcexpose create -f examples/server.yaml --port %s --target-port 50051 -o yaml\n' "$port"
kubectl-grpcexpose create -f examples/server.yaml --port "$port" --target-port 50051 -o yaml

say "Without a cluster: what is wrong with a manifest"
printf '\n$ kubectl grpcexpose lint -f examples/broken.yaml\n'
kubectl-grpcexpose lint -f examples/broken.yaml || echo "(exit code $?: there are findings)"

if [[ -n ${KUBECONFIG_DEMO:-} ]]; then
  export KUBECONFIG=$KUBECONFIG_DEMO
  namespace=grpcexpose-demo
else
  say "With a cluster: etcd, kube-apiserver, controllers, kwok and istiod, as local processes"
  cat <<END
The first time they are built, which takes 5 to 15 minutes on two cores; then they start in ten seconds.
You need not wait: Ctrl-C ends this, and the next "make demo" goes on with what is built. Until then:
  bin/kubectl-grpcexpose lint -f YOUR-MANIFESTS/          # needs no cluster, changes nothing
  KUBECONFIG_DEMO=~/.kube/config make demo                # the rest of this on a cluster of yours with Istio, in a namespace of its own
END
  make --silent stack-program
  KUBECONFIG=$(bin/stack up --name $stack_name --flavour default)
  export KUBECONFIG
  kubectl_program=$(bin/stack build kubectl 2>/dev/null)
  PATH=$(dirname "$kubectl_program"):$PATH
  echo "The control plane is ready, $((SECONDS / 60)) min $((SECONDS % 60)) s after the start."
fi

say "A Deployment as many clusters run it: no mesh, no Service, no declared port"
kubectl get namespace "$namespace" >/dev/null 2>&1 || show kubectl create namespace "$namespace"
sed "s/namespace: test/namespace: $namespace/" examples/server.yaml | kubectl apply -f - >/dev/null
printf '\n$ kubectl apply -f examples/server.yaml\n'
show kubectl rollout status deployment/server -n "$namespace"

say "What would be done? Nothing is written"
show kubectl grpcexpose create deployment/server -n "$namespace" --port "$port" --target-port 50051 --dry-run --diff

say "Do it"
show kubectl grpcexpose create deployment/server -n "$namespace" --port "$port" --target-port 50051
show kubectl get pods,services,gateways.networking.istio.io,virtualservices.networking.istio.io -n "$namespace"

say "The path of a call, hop by hop"
show kubectl grpcexpose status deployment/server -n "$namespace"

say "Again: nothing to change"
show kubectl grpcexpose create deployment/server -n "$namespace" --port "$port" --target-port 50051

say "Undo it"
show kubectl grpcexpose delete deployment/server -n "$namespace"

if [[ -n ${KUBECONFIG_DEMO:-} ]]; then
  show kubectl delete namespace "$namespace"
  exit 0
fi
say "The control plane is yours to play with; end it with: make demo-down"
printf '\nexport KUBECONFIG=%s PATH=%s:%s:$PATH\n' "$KUBECONFIG" "$PWD/bin" "$(dirname "$kubectl_program")"

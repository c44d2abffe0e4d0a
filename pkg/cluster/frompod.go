package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

const (
	// maxPodAnswer bounds what a pod may answer: the metrics of a proxy are some MB at most. maxRefusal bounds why it does not.
	maxPodAnswer = 32 << 20
	maxRefusal   = 16 << 10
)

// GetFromPod asks a pod by HTTP, through the API server, and gives the body of its answer. The pod may be hostile: the answer is
// bounded, and no redirect is followed, because the API server passes on those that lead elsewhere, and the client would send the
// user's credentials along.
// Source: k8s.io/apimachinery/pkg/util/proxy/transport.go (rewriteURL); client-go transport/round_trippers.go adds credentials to
// every request of a client.
func (c *Client) GetFromPod(ctx context.Context, pod types.NamespacedName, port int32, path string) ([]byte, error) {
	asked := request{
		permission: Permission{Verb: "get", Resource: "pods/proxy", Namespace: pod.Namespace},
		object:     "metrics of " + podName(pod), limit: readTimeout,
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	response, err := c.askPod(ctx, pod, port, path)
	if err != nil {
		return nil, c.failure(ctx, asked, err)
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return nil, fmt.Errorf("%s answers with a redirect (%d), which is not followed", podName(pod), response.StatusCode)
	case response.StatusCode != http.StatusOK:
		return nil, c.failure(ctx, asked, refusalOf(response))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPodAnswer+1))
	switch {
	case err != nil:
		return nil, c.failure(ctx, asked, err)
	case len(body) > maxPodAnswer:
		return nil, fmt.Errorf("%s answers with more than %d MiB, which is all that is read", podName(pod), maxPodAnswer>>20)
	}
	return body, nil
}

func (c *Client) askPod(ctx context.Context, pod types.NamespacedName, port int32, path string) (*http.Response, error) {
	client := *c.rest.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	name := net.JoinHostPort(pod.Name, strconv.Itoa(int(port)))
	address := at(c.rest.Get(), mesh.KindPod.Info().GroupVersionResource(), pod.Namespace, name).SubResource("proxy").Suffix(path).URL()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "*/*")
	return client.Do(request)
}

// refusalOf is why an answer is none: the API server's own words, or as much of anybody else's as fits into a message.
func refusalOf(response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if err != nil {
		return err
	}
	var status metav1.Status
	if json.Unmarshal(text, &status) == nil && status.Kind == "Status" {
		return &apierrors.StatusError{ErrStatus: status}
	}
	return apierrors.NewGenericServerResponse(response.StatusCode, http.MethodGet, mesh.KindPod.Info().GroupVersionResource().GroupResource(), "", string(text[:min(len(text), 200)]), 0, true)
}

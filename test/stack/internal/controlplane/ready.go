package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/ports"
)

// EtcdHealth returns the URL that answers 200 once etcd serves.
func (p *Plane) EtcdHealth() string {
	return "http://" + ports.Local(p.Ports.EtcdClient) + "/health"
}

// ControllerManagerHealth returns the URL that answers 200 once kube-controller-manager runs.
func (p *Plane) ControllerManagerHealth() string {
	return "https://" + ports.Local(p.Ports.ControllerManager) + "/healthz"
}

// SchedulerHealth returns the URL that answers 200 once kube-scheduler runs.
func (p *Plane) SchedulerHealth() string {
	return "https://" + ports.Local(p.Ports.Scheduler) + "/healthz"
}

// IstiodHealth returns the URL that answers 200 once the istiod has synchronized with the API server.
func IstiodHealth(own ports.Istiod) string {
	return "http://" + ports.Local(own.HTTP) + "/ready"
}

// healthClient trusts every certificate: the controllers make their own, and the answer is just a yes.
var healthClient = &http.Client{
	Timeout: 5 * time.Second,
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // loopback, and nothing secret is sent
	},
}

// Healthy returns nil if the URL answers 200, and else why not.
func Healthy(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := healthClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

package host

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestHostMatchesAndSubsetOf(t *testing.T) {
	for _, c := range []struct {
		a, b            string
		matches, subset bool
	}{
		{"foo.com", "foo.com", true, true},
		{"foo.com", "bar.com", false, false},
		{"foo.com", "Foo.com", false, false},
		{"foo.com", "*", true, true},
		{"*", "foo.com", true, false},
		{"foo.com", "*.com", true, true},
		{"foo.com", "*.foo.com", false, false},
		{"a.b.foo.com", "*.foo.com", true, true},
		{"*.foo.com", "*.com", true, true},
		{"*.com", "*.foo.com", true, false},
		{"*.foo.com", "*.bar.com", false, false},
		{"*", "*", true, true},
	} {
		assert.Equal(t, c.matches, HostMatches(c.a, c.b), "%s matches %s", c.a, c.b)
		assert.Equal(t, c.matches, HostMatches(c.b, c.a), "%s matches %s", c.b, c.a)
		assert.Equal(t, c.subset, HostSubsetOf(c.a, c.b), "%s subset of %s", c.a, c.b)
	}
}

func TestCompareHosts(t *testing.T) {
	hosts := []string{"*", "*.com", "b.com", "*.a.com", "a.com", "x.a.com"}
	slices.SortFunc(hosts, CompareHosts)
	assert.Equal(t, []string{"x.a.com", "a.com", "b.com", "*.a.com", "*.com", "*"}, hosts)
}

func TestHostIndexCommon(t *testing.T) {
	index := NewHostIndex([]string{"a.example.com", "*.apps.example.com", "b.example.org"})
	assert.Equal(t, []string{"a.example.com"}, index.Common("a.example.com"))
	assert.Equal(t, []string{"x.apps.example.com"}, index.Common("x.apps.example.com"))
	assert.Equal(t, []string{"*.x.apps.example.com"}, index.Common("*.x.apps.example.com"))
	assert.Equal(t, []string{"a.example.com", "*.apps.example.com"}, index.Common("*.example.com"))
	assert.Equal(t, index.hosts, index.Common("*"))
	assert.Equal(t, []string{"*.com", "a.com", "*.b.com"}, NewHostIndex([]string{"a.com", "*", "*.b.com", "c.org"}).Common("*.com"))
	assert.Empty(t, index.Common("apps.example.com"))
}

func TestServerAccepts(t *testing.T) {
	for _, c := range []struct {
		name      string
		offered   []string
		host      string
		namespace string
		common    string
	}{
		{"any", []string{"*"}, "a.com", "shop", "a.com"},
		{"both wildcards", []string{"*.com"}, "*.a.com", "shop", "*.a.com"},
		{"the server is more specific", []string{"b.a.com", "a.com"}, "*", "shop", "b.a.com"},
		{"of the namespace", []string{"shop/a.com"}, "a.com", "shop", "a.com"},
		{"of another namespace", []string{"sales/a.com"}, "a.com", "shop", ""},
		{"of the Gateway's namespace", []string{"./a.com"}, "a.com", "gate", "a.com"},
		{"of the Gateway's namespace only", []string{"./a.com"}, "a.com", "shop", ""},
		{"of every namespace", []string{"*/a.com"}, "a.com", "shop", "a.com"},
		{"everything of every namespace", []string{"sales/x.com", "*/*"}, "a.com", "shop", "a.com"},
		{"case counts", []string{"A.com"}, "a.com", "shop", ""},
		{"a short host is a Service of the namespace", []string{"*.svc.cluster.local"}, "orders", "shop", "orders.shop.svc.cluster.local"},
		{"no hosts", nil, "a.com", "shop", ""},
	} {
		gateway := &networking.Gateway{ObjectMeta: metav1.ObjectMeta{Name: "public", Namespace: "gate"}}
		common, ok := ServerAccepts(gateway, &networkingapi.Server{Hosts: c.offered}, c.host, c.namespace)
		assert.Equal(t, c.common, common, c.name)
		assert.Equal(t, c.common != "", ok, c.name)
	}
}

func TestResolveNames(t *testing.T) {
	for host, full := range map[string]string{
		"orders": "orders.shop.svc.cluster.local", "orders.shop": "orders.shop", "a.com": "a.com", "*": "*", "": "",
		"10.0.0.1": "10.0.0.1", "::1": "::1",
	} {
		assert.Equal(t, full, ResolveHost(host, "shop"))
	}
	for name, full := range map[string]string{
		"public": "shop/public", "gate/public": "gate/public", "./public": "shop/public", "mesh": "mesh",
		"public.gate": "gate/public", "public.gate.svc.cluster.local": "gate/public",
	} {
		assert.Equal(t, full, ResolveGatewayName(name, "shop"))
	}
}

func TestExports(t *testing.T) {
	for _, c := range []struct {
		exportTo []string
		to       string
		visible  bool
	}{
		{[]string{"*"}, "other", true},
		{[]string{"."}, "other", false},
		{[]string{"."}, "own", true},
		{[]string{"other"}, "other", true},
		{[]string{" other"}, "other", true},
		{[]string{"own"}, "other", false},
		{[]string{"~"}, "own", false},
		{[]string{"~", "other"}, "other", false},
		{[]string{"~", "*"}, "other", true},
		{nil, "own", false},
	} {
		assert.Equal(t, c.visible, exports(c.exportTo, "own", c.to), "%v to %s", c.exportTo, c.to)
	}
}

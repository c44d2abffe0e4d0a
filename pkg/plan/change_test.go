package plan

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	data, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	require.NoError(t, u.UnmarshalJSON(data))
	return u
}

const service = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: test, labels: {app: server}}
spec:
  ports:
  - {name: http, port: 8000, targetPort: 50051}
  - {name: admin, port: 9000, protocol: TCP, targetPort: 9000}
`

func TestPathString(t *testing.T) {
	tests := map[string]Path{
		".metadata.labels['istio.io/rev']":      {"metadata", "labels", "istio.io/rev"},
		".metadata.labels.istio-injection":      {"metadata", "labels", "istio-injection"},
		".spec.ports[?(@.port==8000)].name":     {"spec", "ports", "port=8000,protocol=TCP", "name"},
		".spec.subsets[?(@.name=='v1')].labels": {"spec", "subsets", "name=v1", "labels"},
		".spec.http[0].timeout":                 {"spec", "http", "0", "timeout"},
		".metadata.annotations['a/b=c']":        {"metadata", "annotations", "a/b=c"},
	}
	for want, path := range tests {
		assert.Equal(t, want, path.String())
	}
}

func TestPathGet(t *testing.T) {
	tests := []struct {
		path  Path
		want  any
		found bool
	}{
		{Path{"metadata", "labels", "app"}, "server", true},
		{Path{"metadata", "labels", "none"}, nil, false},
		{Path{"spec", "ports", "0", "name"}, "http", true},
		{Path{"spec", "ports", "2", "name"}, nil, false},
		// A manifest leaves the protocol out, and means TCP.
		{Path{"spec", "ports", "port=8000,protocol=TCP", "name"}, "http", true},
		{Path{"spec", "ports", "port=9000,protocol=TCP", "name"}, "admin", true},
		{Path{"spec", "ports", "port=9000,protocol=UDP", "name"}, nil, false},
		{Path{"kind", "deeper"}, nil, false},
	}
	for _, test := range tests {
		got, found := test.path.Get(object(t, service).Object)
		assert.Equal(t, test.want, got, test.path)
		assert.Equal(t, test.found, found, test.path)
	}
}

func TestChange(t *testing.T) {
	port := map[string]any{"name": "grpc", "port": int64(8443), "protocol": "TCP", "targetPort": int64(50051)}
	tests := map[string]struct {
		edits []Edit
		// after are the parts of the object that change, apply the apply configuration ("" where there can be none), patch
		// the JSON patch.
		after string
		apply string
		patch string
	}{
		"a label that was not there": {
			edits: []Edit{{Path: Path{"metadata", "labels", "a/b"}, New: "c"}},
			after: `{metadata: {name: server, namespace: test, labels: {app: server, a/b: c}}}`,
			apply: `{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test, labels: {a/b: c}}}`,
			patch: `[{"op":"add","path":"/metadata/labels/a~1b","value":"c"}]`,
		},
		"an annotation where there are none": {
			edits: []Edit{{Path: Path{"metadata", "annotations", "a"}, New: "b"}},
			after: `{metadata: {name: server, namespace: test, labels: {app: server}, annotations: {a: b}}}`,
			apply: `{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test, annotations: {a: b}}}`,
			patch: `[{"op":"add","path":"/metadata/annotations","value":{"a":"b"}}]`,
		},
		"another name of a port": {
			edits: []Edit{{Path: Path{"spec", "ports", "port=8000,protocol=TCP", "name"}, Old: "http", New: "grpc"}},
			after: `{spec: {ports: [{name: grpc, port: 8000, targetPort: 50051}, {name: admin, port: 9000, protocol: TCP, targetPort: 9000}]}}`,
			apply: `{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test}, spec: {ports: [{name: grpc, port: 8000, protocol: TCP}]}}`,
			patch: `[{"op":"test","path":"/spec/ports/0/name","value":"http"},{"op":"replace","path":"/spec/ports/0/name","value":"grpc"}]`,
		},
		"one more port": {
			edits: []Edit{{Path: Path{"spec", "ports", "port=8443,protocol=TCP"}, New: port}},
			after: `{spec: {ports: [{name: http, port: 8000, targetPort: 50051}, {name: admin, port: 9000, protocol: TCP, targetPort: 9000}, {name: grpc, port: 8443, protocol: TCP, targetPort: 50051}]}}`,
			apply: `{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test}, spec: {ports: [{name: grpc, port: 8443, protocol: TCP, targetPort: 50051}]}}`,
			patch: `[{"op":"add","path":"/spec/ports/-","value":{"name":"grpc","port":8443,"protocol":"TCP","targetPort":50051}}]`,
		},
		"a port less": {
			edits: []Edit{{Path: Path{"spec", "ports", "port=9000,protocol=TCP"}, Old: "whatever"}},
			after: `{spec: {ports: [{name: http, port: 8000, targetPort: 50051}]}}`,
			patch: `[{"op":"test","path":"/spec/ports/1","value":"whatever"},{"op":"remove","path":"/spec/ports/1"}]`,
		},
		"a label less": {
			edits: []Edit{{Path: Path{"metadata", "labels", "app"}, Old: "server"}},
			after: `{metadata: {name: server, namespace: test, labels: {}}}`,
			patch: `[{"op":"test","path":"/metadata/labels/app","value":"server"},{"op":"remove","path":"/metadata/labels/app"}]`,
		},
		"an element of an atomic list": {
			edits: []Edit{{Path: Path{"spec", "ports", "1", "name"}, Old: "admin", New: "web"}},
			after: `{spec: {ports: [{name: http, port: 8000, targetPort: 50051}, {name: web, port: 9000, protocol: TCP, targetPort: 9000}]}}`,
			patch: `[{"op":"test","path":"/spec/ports/1/name","value":"admin"},{"op":"replace","path":"/spec/ports/1/name","value":"web"}]`,
		},
		"two edits that meet": {
			edits: []Edit{{Path: Path{"metadata", "annotations", "a"}, New: "1"}, {Path: Path{"metadata", "annotations", "b"}, New: "2"}},
			after: `{metadata: {name: server, namespace: test, labels: {app: server}, annotations: {a: "1", b: "2"}}}`,
			apply: `{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test, annotations: {a: "1", b: "2"}}}`,
			patch: `[{"op":"add","path":"/metadata/annotations","value":{"a":"1"}},{"op":"add","path":"/metadata/annotations/b","value":"2"}]`,
		},
		"what is not there is not removed": {
			edits: []Edit{{Path: Path{"metadata", "labels", "none"}}, {Path: Path{"spec", "ports", "port=1,protocol=TCP"}}},
			after: `{}`,
			patch: `null`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			change := Change{Action: Update, Object: object(t, service), Edits: test.edits}
			after, err := change.After()
			require.NoError(t, err)
			want := object(t, service)
			var parts map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(test.after), &parts))
			for field, value := range parts {
				want.Object[field] = value
			}
			assert.Equal(t, text(t, want.Object), text(t, after.Object))
			assert.Equal(t, text(t, object(t, service).Object), text(t, change.Object.Object), "the object before stays as it was")

			configuration, ok := change.ApplyConfiguration()
			assert.Equal(t, test.apply != "", ok)
			if ok {
				assert.Equal(t, text(t, object(t, test.apply).Object), text(t, configuration.Object))
			}
			patch, err := change.JSONPatch()
			require.NoError(t, err)
			assert.Equal(t, test.patch, string(patch))
		})
	}
}

func TestChangeOfWholeObjects(t *testing.T) {
	created := Change{Action: Create, Object: object(t, service)}
	assert.Nil(t, created.Before())
	after, err := created.After()
	require.NoError(t, err)
	assert.Equal(t, created.Object, after)
	configuration, ok := created.ApplyConfiguration()
	assert.True(t, ok)
	assert.Equal(t, created.Object, configuration)

	deleted := Change{Action: Delete, Object: object(t, service)}
	assert.Equal(t, deleted.Object, deleted.Before())
	after, err = deleted.After()
	require.NoError(t, err)
	assert.Nil(t, after)
	_, ok = deleted.ApplyConfiguration()
	assert.False(t, ok)
}

func TestChangeThatCannotBe(t *testing.T) {
	for _, path := range []Path{{"kind", "deeper"}, {"spec", "ports", "7", "name"}} {
		_, err := Change{Action: Update, Object: object(t, service), Edits: []Edit{{Path: path, New: "x"}}}.After()
		require.ErrorContains(t, err, "Service test/server: ")
	}
}

func TestSet(t *testing.T) {
	assert.Equal(t, Edit{Path: Path{"metadata", "labels", "app"}, Old: "server", New: "x"}, Set(object(t, service), "x", "metadata", "labels", "app"))
	assert.Equal(t, Edit{Path: Path{"metadata", "labels", "none"}, New: "x"}, Set(object(t, service), "x", "metadata", "labels", "none"))
}

func TestName(t *testing.T) {
	assert.Equal(t, "Service test/server", Name(object(t, service)))
	assert.Equal(t, "Namespace test", Name(object(t, "{apiVersion: v1, kind: Namespace, metadata: {name: test}}")))
}

func text(t *testing.T, value any) string {
	t.Helper()
	encoded, err := yaml.Marshal(value)
	require.NoError(t, err)
	return string(encoded)
}

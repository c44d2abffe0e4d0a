package proxy

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshapi "istio.io/api/mesh/v1alpha1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// MeshConfig is how a control plane is configured.
type MeshConfig struct {
	*meshapi.MeshConfig
	// ConfigMap is where it stands, nil where none was found: all values are then Istio's defaults.
	ConfigMap *core.ConfigMap
	// Err says why the ConfigMap's text cannot be read; istiod does not start with it, and the values here are the defaults.
	Err error
}

type meshConfigsMemory struct{}

// MeshConfigs are those of all control planes, one for each ConfigMap named istio or istio-<revision> that holds a mesh
// config: the unrevisioned one first, then by namespace and name. There is always one, with Istio's defaults if need be.
// Source: Istio's pilot/pkg/bootstrap/mesh.go (getMeshConfigMapName) and pkg/config/mesh/mesh.go (DefaultMeshConfig).
func MeshConfigs(s *mesh.Snapshot) []*MeshConfig {
	s.Read(mesh.KindConfigMap)
	return mesh.Remember(s, meshConfigsMemory{}, func() []*MeshConfig {
		var configs []*MeshConfig
		for _, configMap := range s.ConfigMaps().All() {
			text, holdsMesh := configMap.Data["mesh"]
			if holdsMesh && (configMap.Name == "istio" || strings.HasPrefix(configMap.Name, "istio-")) {
				configs = append(configs, parseMeshConfig(configMap, text))
			}
		}
		slices.SortStableFunc(configs, func(a, b *MeshConfig) int {
			return BoolRank(a.ConfigMap.Name == "istio") - BoolRank(b.ConfigMap.Name == "istio")
		})
		if len(configs) == 0 {
			configs = []*MeshConfig{{MeshConfig: istioDefaults()}}
		}
		return configs
	})
}

// BoolRank sorts what is true before what is false.
func BoolRank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// DefaultMeshConfig is the one of the unrevisioned control plane, or the first of MeshConfigs where all have revisions.
func DefaultMeshConfig(s *mesh.Snapshot) *MeshConfig { return MeshConfigs(s)[0] }

// RootNamespace is the mesh's (istio-system unless the mesh config says otherwise).
func RootNamespace(s *mesh.Snapshot) string { return DefaultMeshConfig(s).GetRootNamespace() }

func parseMeshConfig(configMap *core.ConfigMap, text string) *MeshConfig {
	stated := &meshapi.MeshConfig{}
	if err := unmarshalYAML(text, stated); err != nil {
		return &MeshConfig{MeshConfig: istioDefaults(), ConfigMap: configMap, Err: err}
	}
	fillMeshConfig(stated, istioDefaults())
	return &MeshConfig{MeshConfig: stated, ConfigMap: configMap}
}

// unmarshalYAML reads one of Istio's configuration messages; fields of newer versions are left out.
func unmarshalYAML(text string, into proto.Message) error {
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil || string(data) == "null" {
		return err
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, into)
}

// istioDefaults holds those of Istio's defaults that the model asks for.
func istioDefaults() *meshapi.MeshConfig {
	return &meshapi.MeshConfig{
		RootNamespace:                  "istio-system",
		TrustDomain:                    "cluster.local",
		EnableAutoMtls:                 wrapperspb.Bool(true),
		OutboundTrafficPolicy:          &meshapi.MeshConfig_OutboundTrafficPolicy{Mode: meshapi.MeshConfig_OutboundTrafficPolicy_ALLOW_ANY},
		DefaultServiceExportTo:         []string{"*"},
		DefaultVirtualServiceExportTo:  []string{"*"},
		DefaultDestinationRuleExportTo: []string{"*"},
	}
}

// fillMeshConfig gives the stated config the defaults for what it leaves out.
func fillMeshConfig(stated, defaults *meshapi.MeshConfig) {
	if stated.RootNamespace == "" {
		stated.RootNamespace = defaults.RootNamespace
	}
	if stated.TrustDomain == "" {
		stated.TrustDomain = defaults.TrustDomain
	}
	if stated.EnableAutoMtls == nil {
		stated.EnableAutoMtls = defaults.EnableAutoMtls
	}
	if stated.OutboundTrafficPolicy == nil {
		stated.OutboundTrafficPolicy = defaults.OutboundTrafficPolicy
	}
	if len(stated.DefaultServiceExportTo) == 0 {
		stated.DefaultServiceExportTo = defaults.DefaultServiceExportTo
	}
	if len(stated.DefaultVirtualServiceExportTo) == 0 {
		stated.DefaultVirtualServiceExportTo = defaults.DefaultVirtualServiceExportTo
	}
	if len(stated.DefaultDestinationRuleExportTo) == 0 {
		stated.DefaultDestinationRuleExportTo = defaults.DefaultDestinationRuleExportTo
	}
}

// AnnotationProxyConfig on a pod template holds a proxy config of its own, over that of the mesh.
const AnnotationProxyConfig = "proxy.istio.io/config"

// ConnectionSettingsOf are the connection settings of a gateway's proxy config, and the object that states them: the gateway's
// workload, by an annotation of its pods, or the ConfigMap of its control plane. nil for none.
// Source: Istio's pilot/pkg/networking/core/connection_settings.go (resolveConnectionSettings).
func ConnectionSettingsOf(s *mesh.Snapshot, w *GatewayWorkload) (settings *meshapi.ProxyConfig_ConnectionSettings, from mesh.Object) {
	own := &meshapi.ProxyConfig{}
	if w.Workload != nil && unmarshalYAML(w.Template.Annotations[AnnotationProxyConfig], own) == nil && own.ConnectionSettings != nil {
		return own.ConnectionSettings, w.Workload.Object
	}
	config := MeshConfigOf(s, gatewayRevision(w))
	if config.ConfigMap == nil {
		return nil, nil
	}
	return config.GetDefaultConfig().GetConnectionSettings(), config.ConfigMap
}

// MeshConfigOf is the one of a revision, or the first where none is known to be its.
func MeshConfigOf(s *mesh.Snapshot, revision string) *MeshConfig {
	for _, config := range MeshConfigs(s) {
		if config.ConfigMap != nil && revision != "" && config.ConfigMap.Name == "istio-"+revision {
			return config
		}
	}
	return DefaultMeshConfig(s)
}

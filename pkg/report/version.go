package report

import (
	"io"
	"strings"
	"text/tabwriter"
)

// Versions are this program's version and those of what it speaks to.
type Versions struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Client     ClientVersion  `json:"client"`
	Server     *ServerVersion `json:"server,omitempty"`
}

// ClientVersion is this program's own.
type ClientVersion struct {
	Version string `json:"version"`
	// Commit is that of the sources, with "+" behind it if they were changed; left out where the build does not know it.
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// ServerVersion is what a cluster has.
type ServerVersion struct {
	Kubernetes string `json:"kubernetes"`
	// ControlPlanes are Istio's, by revision. Never null.
	ControlPlanes []ControlPlaneVersion `json:"controlPlanes"`
	// CustomResources are the groups of custom resources that this program reads. Never null.
	CustomResources []GroupVersions `json:"customResources"`
	// Warnings say what is older than what is tested, and what could not be found out. Never null.
	Warnings []string `json:"warnings"`
}

// ControlPlaneVersion is a revision of istiod.
type ControlPlaneVersion struct {
	Revision string `json:"revision"`
	// Version is left out where istiod runs outside the cluster.
	Version string   `json:"version,omitempty"`
	Tags    []string `json:"tags,omitempty"`
}

// GroupVersions are the versions in which an API server has a group; none if it does not have it.
type GroupVersions struct {
	Group    string   `json:"group"`
	Versions []string `json:"versions"`
}

// VersionsJSON prints them for machines.
func VersionsJSON(w io.Writer, v Versions) error {
	v.APIVersion, v.Kind = APIVersion, "Version"
	return JSON(w, v)
}

// VersionsText prints them as a table of what and which. Warnings are left to the caller: they are no result.
func VersionsText(w io.Writer, v Versions) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	Printf(table, "Client\t%s (%s)\n", v.Client.Version, v.Client.build())
	if v.Server != nil {
		Printf(table, "API server\t%s\n", v.Server.Kubernetes)
		for _, plane := range v.Server.ControlPlanes {
			Printf(table, "istiod\t%s\n", plane)
		}
		for _, group := range v.Server.CustomResources {
			Printf(table, "%s\t%s\n", group.Group, orNone(group.Versions))
		}
	}
	return table.Flush()
}

func (c ClientVersion) build() string {
	build := c.Go + " " + c.Platform
	if c.Commit != "" {
		build += ", commit " + c.Commit
	}
	return build
}

func (c ControlPlaneVersion) String() string {
	text := "revision " + c.Revision
	if c.Version != "" {
		text += ": " + c.Version
	} else {
		text += ": runs outside this cluster, its version is not known here"
	}
	if len(c.Tags) > 0 {
		text += " (tags " + strings.Join(c.Tags, ", ") + ")"
	}
	return text
}

func orNone(versions []string) string {
	if len(versions) == 0 {
		return "not installed"
	}
	return strings.Join(versions, ", ")
}

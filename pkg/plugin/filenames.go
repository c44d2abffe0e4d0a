package plugin

import (
	"github.com/spf13/pflag"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// fileFlags are kubectl's flags for manifests in files.
type fileFlags struct {
	filenames []string
	recursive bool
	kustomize string
}

func (f *fileFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&f.filenames, "filename", "f", nil, "File or directory with manifests, or - for standard input; may be repeated. No cluster is asked")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "With -f: directories below the directory too")
	flags.StringVarP(&f.kustomize, "kustomize", "k", "", "Directory with a kustomization.yaml")
}

func (f *fileFlags) given() bool { return len(f.filenames) > 0 || f.kustomize != "" }

func (f *fileFlags) toSources(streams report.Streams) (manifest.Sources, error) {
	if f.kustomize != "" && len(f.filenames) > 0 {
		return manifest.Sources{}, usage("either -f or -k, not both")
	}
	if f.recursive && len(f.filenames) == 0 {
		return manifest.Sources{}, usage("--recursive goes with -f")
	}
	return manifest.Sources{Files: f.filenames, Recursive: f.recursive, Kustomize: f.kustomize, Stdin: streams.In}, nil
}

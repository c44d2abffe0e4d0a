package plugin

import (
	"slices"

	"github.com/spf13/pflag"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// fileFlags are kubectl's flags for manifests in files.
type fileFlags struct {
	flags     *pflag.FlagSet
	filenames []string
	recursive bool
	kustomize string
	// allowRemote lets kustomizations load what is remote.
	allowRemote bool
	// strict makes an error of what cannot be read in a directory; lint's flag sets it.
	strict bool
}

func (f *fileFlags) add(flags *pflag.FlagSet) {
	f.flags = flags
	flags.StringSliceVarP(&f.filenames, "filename", "f", nil, "File or directory with manifests, or - for standard input; may be repeated. No cluster is asked")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "With -f: directories below the directory too")
	flags.StringVarP(&f.kustomize, "kustomize", "k", "", "Directory with a kustomization.yaml")
	flags.BoolVar(&f.allowRemote, "allow-remote", false, "With -f or -k: fetch what the kustomizations name that is remote. kustomize runs git for it and asks the network: only for kustomizations that you trust")
}

// given says that files were asked for, also where a variable in a script that should name them is empty.
func (f *fileFlags) given() bool { return f.flags.Changed("filename") || f.flags.Changed("kustomize") }

func (f *fileFlags) toSources(streams report.Streams) (manifest.Sources, error) {
	switch {
	case f.flags.Changed("filename") && f.flags.Changed("kustomize"):
		return manifest.Sources{}, usage("either -f or -k, not both")
	case f.given() && f.kustomize == "" && (len(f.filenames) == 0 || slices.Contains(f.filenames, "")):
		return manifest.Sources{}, usage("-f or -k names nothing: give it a file or a directory")
	}
	if f.recursive && len(f.filenames) == 0 {
		return manifest.Sources{}, usage("--recursive goes with -f")
	}
	if f.allowRemote && !f.given() {
		return manifest.Sources{}, usage("--allow-remote goes with -f or -k")
	}
	if f.strict && len(f.filenames) == 0 {
		return manifest.Sources{}, usage("--strict goes with -f")
	}
	return manifest.Sources{
		Files: f.filenames, Recursive: f.recursive, Strict: f.strict, Kustomize: f.kustomize, AllowRemote: f.allowRemote, Stdin: streams.In,
	}, nil
}

//go:build !unix

package manifest

import (
	"io/fs"
	"os"
)

// keepOwner has nothing to do: a new file gets its owner and rights from its directory here.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// hardLinks is not known here.
func hardLinks(fs.FileInfo) uint64 { return 1 }

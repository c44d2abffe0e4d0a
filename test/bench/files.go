package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// repository is what the files hold: 10,000 objects.
var repository = size{namespaces: 100, services: 4400, pods: 4400, virtualServices: 1000, gateways: 100}

// writeFiles writes the objects of the size as manifests, a file for each hundred, and returns how many they are.
func writeFiles(folder string, s size) (count int, err error) {
	const perFile = 100
	all := append(s.namespaceObjects(), s.objects()...)
	for i := 0; i < len(all); i += perFile {
		text := strings.Join(all[i:min(i+perFile, len(all))], "\n---\n")
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("part-%03d.yaml", i/perFile)), []byte(text), 0o600); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

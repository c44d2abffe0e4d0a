package binaries

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// recipe makes a product of the module in the folder dir, and puts it at the path target, a file or a folder that does
// not exist yet. It writes what the Go tool says to log.
type recipe func(ctx context.Context, module module, dir, target string, log io.Writer) error

// program is a recipe for an executable: the main package of the import path or folder.
func program(pkg string) recipe {
	return func(ctx context.Context, module module, dir, target string, log io.Writer) error {
		arguments := append([]string{"build", "-v", "-o", target}, module.flags...)
		command := goTool(ctx, dir, log, append(arguments, pkg)...)
		return command.Run()
	}
}

// output is a recipe for a file: what the main package prints.
func output(pkg string) recipe {
	return func(ctx context.Context, module module, dir, target string, log io.Writer) error {
		arguments := append([]string{"run"}, module.flags...)
		command := goTool(ctx, dir, log, append(arguments, pkg)...)
		var printed bytes.Buffer
		command.Stdout = &printed
		if err := command.Run(); err != nil {
			return err
		}
		return os.WriteFile(target, printed.Bytes(), 0o644)
	}
}

// filledFolder is a recipe for a folder of files: what the main package writes into the folder that is its argument.
func filledFolder(pkg string) recipe {
	return func(ctx context.Context, module module, dir, target string, log io.Writer) error {
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
		arguments := append([]string{"run", "-v"}, module.flags...)
		return goTool(ctx, dir, log, append(arguments, pkg, target)...).Run()
	}
}

// folderOfModule is a recipe for a folder of files that a dependency carries: those that match the pattern.
func folderOfModule(dependency, pattern string) recipe {
	return func(ctx context.Context, _ module, dir, target string, log io.Writer) error {
		command := goTool(ctx, dir, log, "list", "-m", "-f", "{{.Dir}}", dependency)
		var printed bytes.Buffer
		command.Stdout = &printed
		if err := command.Run(); err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(printed.String()), pattern))
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return fmt.Errorf("module %s has no files %s: the pattern no longer fits its layout", dependency, pattern)
		}
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(target, filepath.Base(file)), content, 0o644); err != nil {
				return err
			}
		}
		return nil
	}
}

// goTool returns a go command in the folder of a module. A workspace file further up must not pull the module's
// versions up or down, so it is off. Without a C compiler's help the programs are the same everywhere.
func goTool(ctx context.Context, dir string, log io.Writer, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	command.Stdout, command.Stderr = log, log
	// Interrupted, go ends its compilers before itself; killed, it would leave them.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	return command
}

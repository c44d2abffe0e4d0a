// Stack builds and runs local stacks: a Kubernetes control plane with Istio, as processes on the loopback interface.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/binaries"
)

const usage = `Usage:
  stack up     [--name NAME] [--flavour default|revisions|none]   start a stack, print the path of its kubeconfig
  stack down   [--name NAME | --all]                              end it and remove all that it had
  stack status [--name NAME]                                      list stacks
  stack build  [PROGRAM...]                                       build the programs, print their paths

Exit codes: 0 all is well, 1 a stack that was asked for is not there or not healthy, 2 it could not be done.
`

// errUnwell makes the exit code 1; what there is to say has been said.
var errUnwell = errors.New("unwell")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(exitCode(err, os.Stderr))
}

func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUnwell):
		return 1
	default:
		fmt.Fprintln(stderr, "stack:", err)
		return 2
	}
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	if len(arguments) == 0 {
		return fmt.Errorf("a command is missing\n\n%s", usage)
	}
	flags := flag.NewFlagSet("stack "+arguments[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	commands := map[string]func(context.Context, *flag.FlagSet, []string, io.Writer, io.Writer) error{
		"up": up, "down": down, "status": status, "build": build,
	}
	command, ok := commands[arguments[0]]
	switch {
	case slices.Contains([]string{"help", "-h", "--help"}, arguments[0]):
		fmt.Fprint(stdout, usage)
		return nil
	case !ok:
		return fmt.Errorf("there is no command %q\n\n%s", arguments[0], usage)
	}
	return command(ctx, flags, arguments[1:], stdout, stderr)
}

// parse parses the flags, and refuses arguments after them.
func parse(flags *flag.FlagSet, arguments []string) error {
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes no argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

func up(ctx context.Context, flags *flag.FlagSet, arguments []string, stdout, stderr io.Writer) error {
	options := stack.Options{Log: stderr}
	flags.StringVar(&options.Name, "name", stack.DefaultName, "name of the stack")
	flavour := flags.String("flavour", string(stack.Default), "default, revisions or none")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	options.Flavour = stack.Flavour(*flavour)
	s, err := stack.Up(ctx, options)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, s.Kubeconfig)
	return nil
}

func down(ctx context.Context, flags *flag.FlagSet, arguments []string, _, stderr io.Writer) error {
	name := flags.String("name", stack.DefaultName, "name of the stack")
	all := flags.Bool("all", false, "end every stack")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	names := []string{*name}
	if *all {
		list, err := stack.List(ctx)
		if err != nil {
			return err
		}
		names = nil
		for _, status := range list {
			names = append(names, status.Name)
		}
	}
	for _, name := range names {
		was, err := stack.Down(ctx, name)
		if err != nil {
			return err
		}
		if was {
			fmt.Fprintf(stderr, "The stack %q is gone.\n", name)
		} else {
			fmt.Fprintf(stderr, "There is no stack %q.\n", name)
		}
	}
	return nil
}

func status(ctx context.Context, flags *flag.FlagSet, arguments []string, stdout, stderr io.Writer) error {
	name := flags.String("name", "", "only the stack of this name")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	list, err := stack.List(ctx)
	if err != nil {
		return err
	}
	if *name != "" {
		list = slices.DeleteFunc(list, func(status stack.Status) bool { return status.Name != *name })
	}
	if len(list) == 0 {
		fmt.Fprintln(stderr, "There is no such stack. Start one with: stack up")
		if *name != "" {
			return errUnwell
		}
		return nil
	}
	return printStatus(list, stdout)
}

// printStatus prints a table, and returns errUnwell if a stack has a problem.
func printStatus(list []stack.Status, stdout io.Writer) error {
	var unwell error
	table := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "NAME\tFLAVOUR\tAGE\tHEALTH\tKUBECONFIG")
	for _, status := range list {
		health := "ready"
		if status.Problem != "" {
			health, unwell = status.Problem, errUnwell
		}
		age := "unknown"
		if !status.Started.IsZero() {
			age = time.Since(status.Started).Round(time.Second).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", status.Name, status.Flavour, age, health, status.Kubeconfig)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return unwell
}

func build(ctx context.Context, flags *flag.FlagSet, arguments []string, stdout, stderr io.Writer) error {
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	names := flags.Args()
	if len(names) == 0 {
		// istioctl is for comparisons only.
		names = slices.DeleteFunc(binaries.Names(), func(name string) bool { return name == binaries.Istioctl })
	}
	set, err := binaries.Ensure(ctx, stderr, names...)
	if err != nil {
		return err
	}
	paths := make([]string, 0, len(names))
	for _, name := range names {
		paths = append(paths, set[name])
	}
	fmt.Fprintln(stdout, strings.Join(paths, "\n"))
	return nil
}

package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// connectionPage holds the flags that all commands share.
const connectionPage = "connection-flags.md"

func commandPath(command *cobra.Command) string {
	return path.Join(commandsFolder, command.Name()+".md")
}

// commandPages are a page for each command that help lists, one for the flags that all have, and an index.
func commandPages(root *cobra.Command) map[string]string {
	pages := map[string]string{
		path.Join(commandsFolder, "README.md"):    commandIndex(root),
		path.Join(commandsFolder, connectionPage): connectionFlags(root),
	}
	for _, command := range listed(root) {
		pages[commandPath(command)] = commandPage(command)
	}
	return pages
}

func listed(root *cobra.Command) []*cobra.Command {
	var commands []*cobra.Command
	for _, command := range root.Commands() {
		if command.IsAvailableCommand() {
			commands = append(commands, command)
		}
	}
	return commands
}

func commandPage(command *cobra.Command) string {
	command.InitDefaultHelpFlag()
	var b strings.Builder
	b.WriteString(notice)
	fmt.Fprintf(&b, "# %s\n\n%s\n\n```\n%s\n```\n", command.CommandPath(), command.Long, command.UseLine())
	if command.Example != "" {
		fmt.Fprintf(&b, "\n## Examples\n\n```sh\n%s\n```\n", unindent(command.Example))
	}
	b.WriteString("\n## Flags\n\n")
	flagTable(&b, command.LocalNonPersistentFlags())
	b.WriteString("\nAnd kubectl's [connection flags](" + connectionPage + ").\n\n[All commands](README.md)\n")
	return b.String()
}

func unindent(example string) string {
	lines := strings.Split(example, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

func flagTable(b *strings.Builder, flags *pflag.FlagSet) {
	b.WriteString("| flag | default | meaning |\n|--|--|--|\n")
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		name := "`--" + flag.Name + "`"
		if flag.Shorthand != "" {
			name = "`-" + flag.Shorthand + "`, " + name
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, defaultOf(flag), cell(flag.Usage))
	})
}

// defaultOf is a flag's default value; empty ones are left out, and those of the machine that generates do not occur.
func defaultOf(flag *pflag.Flag) string {
	switch flag.DefValue {
	case "", "[]", "false", "0":
		return ""
	default:
		return "`" + cell(flag.DefValue) + "`"
	}
}

func commandIndex(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(notice)
	b.WriteString("# Commands\n\n")
	commandTable(&b, root, "")
	b.WriteString("\nAll take kubectl's [connection flags](" + connectionPage + "), and exit with 0 (fine), 1 (the answer is bad) or 2 (it could not be done).\n\n[README](../../README.md)\n")
	return b.String()
}

// commandTable lists the commands; folder is where their pages are, seen from the page that has the table.
func commandTable(b *strings.Builder, root *cobra.Command, folder string) {
	b.WriteString("| command | what it does |\n|--|--|\n")
	for _, command := range listed(root) {
		fmt.Fprintf(b, "| [%s](%s) | %s |\n", command.Name(), path.Join(folder, path.Base(commandPath(command))), cell(command.Short))
	}
}

func connectionFlags(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(notice)
	b.WriteString("# Connection flags\n\nkubectl's own, with kubectl's meaning. Every command takes them; those that read files alone ask no cluster.\n\n")
	flagTable(&b, root.PersistentFlags())
	b.WriteString("\n[All commands](README.md)\n")
	return b.String()
}

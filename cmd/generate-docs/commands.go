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
	commandTable(&b, root, "", inEnglish)
	b.WriteString("\nAll commands accept kubectl's [connection flags](" + connectionPage + "), and exit with 0 (fine), 1 (the answer is bad) or 2 (it could not be done).\n\n[README](../../README.md)\n")
	return b.String()
}

// wording is what a table of commands says in a language.
type wording struct {
	heading string
	short   func(*cobra.Command) string
}

var (
	inEnglish = wording{"| command | what it does |", func(command *cobra.Command) string { return command.Short }}
	inChinese = wording{"| 命令 | 作用 |", func(command *cobra.Command) string { return chineseShort[command.Name()] }}
)

// chineseShort says in Chinese what a command's Short says.
var chineseShort = map[string]string{
	"completion": "输出命令补全脚本",
	"create":     "把一个 gRPC 工作负载暴露到网格的网关上",
	"delete":     "撤销 create 为一个工作负载所做的改动",
	"explain":    "解释 lint 的一项检查",
	"lint":       "找出 gRPC 调用的路径上有什么问题",
	"status":     "逐跳展示 gRPC 调用到达工作负载的路径",
	"verify":     "向工作负载发出真实的 gRPC 调用，并显示是哪些 Pod 应答",
	"version":    "输出本程序、API server 和 Istio 的版本",
}

// commandTable lists the commands; folder is where their pages are, seen from the page that has the table.
func commandTable(b *strings.Builder, root *cobra.Command, folder string, in wording) {
	b.WriteString(in.heading + "\n|--|--|\n")
	for _, command := range listed(root) {
		fmt.Fprintf(b, "| [%s](%s) | %s |\n", command.Name(), path.Join(folder, path.Base(commandPath(command))), cell(in.short(command)))
	}
}

func connectionFlags(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(notice)
	b.WriteString("# Connection flags\n\nThese are kubectl's own flags, with the same meaning. Every command accepts them; with files alone, no command contacts a cluster.\n\n")
	flagTable(&b, root.PersistentFlags())
	b.WriteString("\n[All commands](README.md)\n")
	return b.String()
}

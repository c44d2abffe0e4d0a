package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
)

// readmeParts are the generated parts of each README, by name.
func readmeParts(root *cobra.Command) map[string]map[string]string {
	return map[string]map[string]string{
		"README.md":       {"commands": commandList(root, inEnglish), "checks": checkCounts("hop", "checks", englishTitle)},
		"README.zh-CN.md": {"commands": commandList(root, inChinese), "checks": checkCounts("环节", "检查", chineseTitle)},
	}
}

func englishTitle(family lint.Family) string { return family.Title }
func chineseTitle(family lint.Family) string { return chinese[family.ID] }

func commandList(root *cobra.Command, in wording) string {
	var b strings.Builder
	commandTable(&b, root, commandsFolder, in)
	return b.String()
}

// checkCounts is a table of how many checks there are for each hop.
func checkCounts(hop, heading string, title func(lint.Family) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s |\n|--|--|\n", hop, heading)
	for _, family := range lint.Families() {
		members := family.Checks
		fmt.Fprintf(&b, "| %s | [%s–%s](%s/README.md) (%d) |\n", title(family), members[0].ID, members[len(members)-1].ID, checksFolder, len(members))
	}
	return b.String()
}

// replaceParts puts generated parts between their markers: <!-- generated: NAME --> and <!-- end -->.
func replaceParts(file, text string, parts map[string]string) (string, error) {
	for name, part := range parts {
		begin := "<!-- generated: " + name + " -->\n"
		before, rest, found := strings.Cut(text, begin)
		_, after, ended := strings.Cut(rest, "<!-- end -->")
		if !found || !ended {
			return "", fmt.Errorf("%s has no part %q: it needs the lines %q and %q", file, name, strings.TrimSpace(begin), "<!-- end -->")
		}
		text = before + begin + part + "<!-- end -->" + after
	}
	return text, nil
}

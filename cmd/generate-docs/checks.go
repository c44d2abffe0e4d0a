package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// chinese are the titles of the families in Chinese.
var chinese = map[string]string{
	"GX1": "注入：Pod 会不会有代理",
	"GX2": "工作负载：端口后面是不是 gRPC 服务",
	"GX3": "Service：Istio 是否知道端口是 gRPC",
	"GX4": "Gateway：有没有监听，客户端能不能连上",
	"GX5": "路由：调用能否从监听到达 Service",
	"GX6": "流量策略：是否逐请求均衡，连接能否保持",
	"GX7": "访问控制：调用是否被放行",
	"GX8": "Gateway API：用 GRPCRoute 的同一条路径",
}

func checkPath(check *checks.Check) string {
	return path.Join(checksFolder, check.ID+"-"+check.Slug+".md")
}

// checkPage is a check's documentation: what "explain" prints, as Markdown.
func checkPage(check *checks.Check) string {
	var b strings.Builder
	b.WriteString(notice)
	fmt.Fprintf(&b, "# %s %s\n\n%s.\n\n", check.ID, check.Slug, check.Title)
	b.WriteString("| level | reads | also consults | since |\n|--|--|--|--|\n")
	fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", levels(check), kindList(check.Reads), kindList(check.Consults), check.Since)
	for _, section := range []struct{ title, text string }{
		{"What it finds", check.What}, {"Why", check.Why}, {"What a client sees", check.Client},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", section.title, section.text)
	}
	fmt.Fprintf(&b, "\n## With the fault (-) and without (+)\n\nOnly the objects that differ:\n\n```diff\n%s\n```\n", strings.Join(report.CheckDifference(check), "\n"))
	fmt.Fprintf(&b, "\n<details><summary>The complete manifests with the fault</summary>\n\n```yaml\n%s\n```\n\n</details>\n", strings.TrimSpace(check.Bad))
	fmt.Fprintf(&b, "\n## Silence it\n\nOn one object, with an annotation that says why:\n\n```yaml\nmetadata:\n  annotations:\n    %s: \"%s: the reason\"\n```\n",
		lint.IgnoreAnnotation, check.ID)
	b.WriteString("\nEverywhere, with `--checks=-" + check.ID + "`, or in [.grpcexpose.yaml](../ci.md#settings).\n\n[All checks](README.md)\n")
	return b.String()
}

func levels(check *checks.Check) string {
	words := make([]string, len(check.Levels))
	for i, level := range check.Levels {
		words[i] = string(level)
	}
	return strings.Join(words, " or ")
}

func kindList(kinds []mesh.Kind) string {
	if len(kinds) == 0 {
		return "–"
	}
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

func checkIndex(all []*checks.Check) string {
	var b strings.Builder
	b.WriteString(notice)
	fmt.Fprintf(&b, "# The checks of lint\n\nThere are %d, in the order of the hops of a call. IDs are permanent. `kubectl grpcexpose explain GX301` prints a page in the terminal.\n", len(all))
	for _, family := range lint.Families() {
		fmt.Fprintf(&b, "\n## %s %s\n\n| ID | what it finds | level |\n|--|--|--|\n", family.ID, family.Title)
		for _, check := range family.Checks {
			fmt.Fprintf(&b, "| [%s](%s) | %s | %s |\n", check.ID, path.Base(checkPath(check)), cell(check.Title), levels(check))
		}
	}
	b.WriteString("\n[By what the client sees](../troubleshooting.md) · [README](../../README.md)\n")
	return b.String()
}

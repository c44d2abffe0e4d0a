package manifest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const gitignoreName = ".gitignore"

// maxGitignore bounds what is read of one .gitignore.
const maxGitignore = 1 << 20

// gitignores are the .gitignore files that count for a tree, those of the folders above it first.
// Source: gitignore(5).
type gitignores []gitignore

type gitignore struct {
	// folder is the absolute path of the one that the file is in.
	folder string
	rules  []gitignoreRule
}

type gitignoreRule struct {
	path *regexp.Regexp
	// negated rules take out what others have put in; those for directories match nothing else.
	negated, directory bool
}

// gitignoresAbove are those of the repository that a folder is in; none where it is in none, or is ignored itself: who names such a
// folder means it.
func gitignoresAbove(folder string) gitignores {
	whole, err := filepath.Abs(folder)
	if err != nil {
		return nil
	}
	var above []string
	for directory := whole; ; directory = filepath.Dir(directory) {
		if directory != whole {
			above = append([]string{directory}, above...)
		}
		if _, err := os.Lstat(filepath.Join(directory, ".git")); err == nil {
			break
		}
		if directory == filepath.Dir(directory) {
			return nil
		}
	}
	var found gitignores
	for _, directory := range above {
		found = found.with(directory)
	}
	for i := 1; i < len(above); i++ {
		if found.ignores(above[i], true) {
			return nil
		}
	}
	if found.ignores(whole, true) {
		return nil
	}
	return found
}

// with adds the .gitignore of a folder, if there is one that can be read.
func (g gitignores) with(folder string) gitignores {
	text, _, err := ReadRegular(filepath.Join(folder, gitignoreName), maxGitignore)
	if err != nil && !errors.Is(err, errTooLarge) {
		return g
	}
	whole, err := filepath.Abs(folder)
	if err != nil {
		return g
	}
	var rules []gitignoreRule
	for line := range bytes.Lines(text) {
		if rule, ok := gitignoreRuleOf(strings.TrimRight(string(line), "\r\n")); ok {
			rules = append(rules, rule)
		}
	}
	return append(g[:len(g):len(g)], gitignore{whole, rules})
}

// ignores says whether a path is ignored by the last rule that matches it. A path in an ignored folder is ignored too, which those
// who walk from above need not ask.
func (g gitignores) ignores(path string, directory bool) bool {
	if len(g) == 0 {
		return false
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	ignored := false
	for _, file := range g {
		relative, err := filepath.Rel(file.folder, whole)
		if err != nil || relative == "." || strings.HasPrefix(relative, "..") {
			continue
		}
		relative = filepath.ToSlash(relative)
		for _, rule := range file.rules {
			if (directory || !rule.directory) && rule.path.MatchString(relative) {
				ignored = !rule.negated
			}
		}
	}
	return ignored
}

func gitignoreRuleOf(line string) (rule gitignoreRule, ok bool) {
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if line == "" || line[0] == '#' {
		return rule, false
	}
	if line, rule.negated = strings.CutPrefix(line, "!"); line == "" {
		return rule, false
	}
	if line, rule.directory = strings.CutSuffix(line, "/"); line == "" {
		return rule, false
	}
	form := "^"
	if !strings.Contains(line, "/") {
		form = "^(?:.*/)?"
	}
	compiled, err := regexp.Compile(form + globForm(strings.TrimPrefix(line, "/")) + "$")
	rule.path = compiled
	return rule, err == nil
}

// globForm is a pattern as a regular expression.
func globForm(pattern string) string {
	var form strings.Builder
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, "**/") && (i == 0 || pattern[i-1] == '/'):
			form.WriteString("(?:.*/)?")
			i += len("**/") - 1
		case rest == "**" && i > 0 && pattern[i-1] == '/':
			form.WriteString(".+")
			i++
		case rest[0] == '*':
			form.WriteString("[^/]*")
		case rest[0] == '?':
			form.WriteString("[^/]")
		case rest[0] == '[':
			class, length := classForm(rest)
			form.WriteString(class)
			i += length - 1
		case rest[0] == '\\' && len(rest) > 1:
			form.WriteString(regexp.QuoteMeta(rest[1:2]))
			i++
		default:
			form.WriteString(regexp.QuoteMeta(rest[:1]))
		}
	}
	return form.String()
}

// classForm is a [class] as a regular expression, and its length in the pattern; a bracket that nothing closes stands for itself.
func classForm(pattern string) (form string, length int) {
	inside := pattern[1:]
	negated := strings.HasPrefix(inside, "!") || strings.HasPrefix(inside, "^")
	if negated {
		inside = inside[1:]
	}
	end := strings.Index(inside, "]")
	if end == 0 {
		end = 1 + strings.Index(inside[1:], "]")
	}
	if end <= 0 {
		return regexp.QuoteMeta("["), 1
	}
	members := strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "^", `\^`).Replace(inside[:end])
	length = len(pattern) - len(inside) + end + 1
	if negated {
		return "[^/" + members + "]", length
	}
	return "[" + members + "]", length
}

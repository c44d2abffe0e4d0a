package manifest

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// isAddress reports whether kustomize asks the network for an entry when it wants a file.
// Source: IsRemoteFile in sigs.k8s.io/kustomize/api/internal/loader/fileloader.go.
func isAddress(entry string) bool {
	parsed, err := url.Parse(entry)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

var (
	repositoryScheme = regexp.MustCompile(`(?i)^(?:ssh|https?|file)://`)
	repositoryUser   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)
	repositoryGitHub = regexp.MustCompile(`(?i)^github\.com[/:]`)
	forcedGit        = regexp.MustCompile(`(?i)^git::`)
)

// isRepository reports whether kustomize runs git for an entry when it wants a directory. It does so before it looks for a
// directory of that name. An entry with a scheme counts also where kustomize would find no repository in it.
// Source: NewRepoSpecFromURL in sigs.k8s.io/kustomize/api/internal/git/repospec.go.
func isRepository(entry string) bool {
	if filepath.IsAbs(entry) {
		return false
	}
	address, _, _ := strings.Cut(entry, "?")
	address = forcedGit.ReplaceAllString(address, "")
	if repositoryScheme.MatchString(address) {
		return true
	}
	user := repositoryUser.FindString(address)
	address = address[len(user):]
	if user == "" && !repositoryGitHub.MatchString(address) {
		return false
	}
	host := strings.IndexAny(address, "/:")
	if host < 0 {
		return false
	}
	path := address[host+1:]
	marked := slices.ContainsFunc([]string{"_git/", "//", ".git"}, func(mark string) bool { return strings.Contains(path, mark) })
	return marked || strings.Contains(path, "/")
}

// hasOption reports whether a part of a remote entry begins with a dash: git, or the ssh that it runs, could take the part for
// an option, and some options name a program to run. Parts are also read as git decodes them.
func hasOption(entry string) bool {
	entry = dashSegment.ReplaceAllString(entry, "$1/")
	for {
		if slices.ContainsFunc(strings.FieldsFunc(entry, isBetweenParts), func(part string) bool { return strings.HasPrefix(part, "-") }) {
			return true
		}
		decoded := decodePercent(entry)
		if decoded == entry {
			return false
		}
		entry = decoded
	}
}

// dashSegment is how GitLab separates a project from what is in it: https://gitlab.com/group/project/-/raw/main/a.yaml. A
// dash alone is no option.
var dashSegment = regexp.MustCompile(`^((?i:https?)://[^/?]+(?:/[^/?]+)+)/-/`)

// isBetweenParts reports whether a character ends one part of an address and begins the next.
func isBetweenParts(r rune) bool { return strings.ContainsRune("/:@?&=;#+,[]\\ \t\r\n\x00", r) }

var percentForm = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

// decodePercent decodes what is percent-encoded, and leaves other percent signs alone, as git does.
func decodePercent(text string) string {
	return percentForm.ReplaceAllStringFunc(text, func(form string) string {
		decoded, _ := url.PathUnescape(form) // the pattern lets nothing else in
		return decoded
	})
}

// A token may be the name of a user over HTTP, and stand before the password or alone.
var (
	credentialForm = regexp.MustCompile(`(?i)(https?:/{1,2})[^/?#\s'"]*@`)
	passwordForm   = regexp.MustCompile(`(:/{1,2}[^/@:\s]*):[^/@\s]*@`)
)

// withoutPassword is a text as it may be shown: without the credentials of the addresses in it. Kustomize also
// takes an address for a path, in which there is one slash where there were two.
func withoutPassword(text string) string {
	return passwordForm.ReplaceAllString(credentialForm.ReplaceAllString(text, "$1…@"), "$1:…@")
}

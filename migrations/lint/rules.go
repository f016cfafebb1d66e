package lint

import "slices"

// Rule is what it looks for, to be named in documents.
type Rule struct {
	Code, Name, Title string
	Theme             string
	Severity          Severity
}

// rule is a Rule with what finds its findings. Codes are never used again for
// something else: files name them.
type rule struct {
	Rule
	check func(*pass)
	// elsewhere says that whether it finds something does not depend on the
	// file alone, so that an acceptance without a finding is no mistake.
	elsewhere bool
}

// The themes, in the order of the documents.
const (
	themeFile       = "The file and its history"
	themeLocks      = "Locks"
	themeData       = "Data"
	themeColumns    = "Columns"
	themeSecurity   = "Row-level security and functions"
	themePrivileges = "Privileges, owners and roles"
	themeAtlas      = "Atlas' analyzers"
)

// rules are all rules. The documents are made from this list.
var rules = slices.Concat(fileRules, lockRules, dataRules, columnRules, securityRules, privilegeRules, atlasRules)

// Rules are all rules, in the order of the documents.
func Rules() []Rule {
	all := make([]Rule, len(rules))
	for i, r := range rules {
		all[i] = r.Rule
	}
	return all
}

func findRule(code string) *rule {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.Code == code })
	if i < 0 {
		return nil
	}
	return &rules[i]
}

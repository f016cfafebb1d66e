package lint

import "slices"

// Rule describes a rule for the documents.
type Rule struct {
	Code, Name, Title string
	Theme             string
	Severity          Severity
}

// rule is a Rule with its check. A code must not be reused for another rule, because files refer to it.
type rule struct {
	Rule
	check func(*pass)
	// elsewhere reports that the findings do not depend on the file alone, so that an acceptance
	// without a finding is valid.
	elsewhere bool
}

// The themes, in the order of the pages.
const (
	themeFile       = "The file and its history"
	themeLocks      = "Locks"
	themeData       = "Data"
	themeColumns    = "Columns"
	themeSecurity   = "Row-level security and functions"
	themePrivileges = "Privileges, owners and roles"
	themeAtlas      = "Atlas' analyzers"
)

// rules are all rules. The index of the pages is generated from this list.
var rules = slices.Concat(fileRules, lockRules, dataRules, columnRules, securityRules, privilegeRules, atlasRules)

// Rules returns all rules, in the order of the pages.
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

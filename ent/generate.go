// Package ent is the typed graph of everything that CHE·NU keeps. Apart from
// this file, entc.go, schema, template and datatype it is generated.
package ent

//go:generate go run -mod=readonly entc.go

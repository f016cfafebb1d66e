package main

import (
	"time"
)

// step creates one row. Others refer to the row by the step's name: as a ref in a body, and as {name} in a path.
type step struct {
	path, name string
	body       map[string]any
	// gated reports that creating the row may need an approval.
	gated bool
}

// ref is the id of the row that the step of this name created.
type ref string

// demoSteps returns the steps of the sample data. Each step follows those that it refers to. The dates are close to the
// current day, so that streaks are current and deadlines are near.
func demoSteps(now time.Time) []step {
	type object = map[string]any
	day := func(days int) string { return now.AddDate(0, 0, days).Format(time.DateOnly) }
	at := func(days, hour int) string {
		y, m, d := now.AddDate(0, 0, days).Date()
		return time.Date(y, m, d, hour, 0, 0, 0, time.UTC).Format(time.RFC3339)
	}
	line := func(description, quantity, price, rate string) object {
		return object{"description": description, "quantity": quantity, "unit_price": price, "tax_rate": rate}
	}
	var steps []step
	add := func(path, name string, body object) {
		steps = append(steps, step{path: path, name: name, body: body})
	}
	gated := func(path, name string, body object) {
		steps = append(steps, step{path: path, name: name, body: body, gated: true})
	}

	path := "/v1/threads"
	add(path, "paper", object{"founding_intent": "Show what the notes of 1843 already knew.", "sphere": "scholar", "title": "The paper", "tags": []string{"history"}})
	add(path, "kitchen", object{"founding_intent": "Have the kitchen repainted before winter.", "sphere": "personal"})
	say := func(thread, kind string, payload object) {
		add("/v1/threads/{"+thread+"}/events", "", object{"events": []object{{"type": kind, "payload": payload}}})
	}
	say("paper", "note.added", object{"text": "The archive has the letters of June 1843."})
	say("paper", "decision.recorded", object{"decision": "Submit to the Annals.", "rationale": "They printed the edition of the letters.", "alternatives": []string{"A preprint only."}})
	say("paper", "intent.refined", object{"intent": "Show that Note G is a program, and how its author knew.", "reason": "The rest has been said."})
	say("kitchen", "decision.recorded", object{"decision": "Ochre, not white."})
	say("kitchen", "thread.completed", object{"outcome": "Two coats, in October."})

	path = "/v1/personal/notes"
	add(path, "", object{"title": "Groceries", "content": "Bread, olives, figs, coffee", "folder": "Home", "tags": []string{"home"}, "pinned": true})
	add(path, "", object{"title": "Questions for the notary", "content": "Who keeps the original? Which day does it take effect?", "folder": "House", "tags": []string{"house", "legal"}})
	add(path, "", object{"title": "Books to borrow", "content": "Ursula K. Le Guin: The Dispossessed\nDonella Meadows: Thinking in Systems", "tags": []string{"reading"}})
	path = "/v1/personal/tasks"
	add(path, "", object{"title": "Renew the passport", "priority": "high", "due_at": at(12, 12), "tags": []string{"papers"}})
	add(path, "", object{"title": "Call the dentist", "status": "in_progress", "due_at": at(2, 9)})
	add(path, "", object{"title": "Repair the bicycle", "priority": "low"})
	add(path, "", object{"title": "Pay the water bill", "status": "done"})
	path = "/v1/personal/habits"
	add(path, "reading", object{"name": "Read for half an hour"})
	add(path, "running", object{"name": "Run five kilometres", "cadence": "weekly", "target_per_period": 2})
	path = "/v1/personal/habits/{reading}/check-ins"
	for days := -12; days <= 0; days++ {
		if days != -8 {
			add(path, "", object{"checked_in_on": day(days)})
		}
	}
	path = "/v1/personal/habits/{running}/check-ins"
	add(path, "", object{"checked_in_on": day(-9), "note": "Along the river"})
	add(path, "", object{"checked_in_on": day(-8)})
	add(path, "", object{"checked_in_on": day(-1), "note": "Rain all the way"})

	path = "/v1/business/contacts"
	add(path, "grace", object{"name": "Grace Hopper", "email": "grace@example.org", "phone": "+12125550123", "company": "Eckert-Mauchly", "job_title": "Head of programming", "lead_score": 80, "lead_status": "won", "tags": []string{"client"}})
	add(path, "mary", object{"name": "Mary Somerville", "email": "mary@example.org", "company": "Somerville & Daughters", "lead_score": 45, "lead_status": "proposal", "source": "Conference"})
	add(path, "joan", object{"name": "Joan Clarke", "email": "joan@example.org", "lead_status": "contacted", "notes": "Prefers letters."})
	path = "/v1/business/projects"
	add(path, "", object{"name": "Compiler manual", "status": "active", "starts_on": day(-40), "ends_on": day(50), "budget": "15000.00", "currency": "EUR", "progress": 35, "contact_id": ref("grace")})
	add(path, "", object{"name": "Star catalogue", "contact_id": ref("mary")})
	path = "/v1/business/invoices"
	add(path, "", object{"number": "2026-002", "contact_id": ref("mary"), "currency": "EUR", "issued_on": day(0), "due_on": day(30), "line_items": []object{line("Workshop", "1", "950.00", "0.20"), line("Travel", "312", "0.42", "0.20")}})
	add(path, "", object{"number": "2026-003", "contact_id": ref("joan"), "currency": "GBP", "line_items": []object{line("Consulting, hours", "7.5", "120.00", "0.20"), line("Discount", "1", "-50.00", "0.20")}})
	gated(path, "", object{"number": "2026-001", "contact_id": ref("grace"), "currency": "EUR", "issued_on": day(-45), "due_on": day(-15), "status": "sent", "line_items": []object{line("Manual, first part", "1", "4800.00", "0.19")}})

	path = "/v1/creative/projects"
	add(path, "book", object{"name": "Picture book", "description": "A hedgehog learns to count."})
	path = "/v1/creative/assets"
	add(path, "", object{"name": "Cover, first draft", "kind": "image", "uri": "https://files.example.org/cover-1.png", "media_type": "image/png", "size_bytes": 482113, "ai_generated": true, "prompt": "A hedgehog with an abacus, watercolour", "negative_prompt": "Text", "model": "painter-2", "parameters": object{"steps": 30}, "random_seed": 4711, "project_id": ref("book")})
	add(path, "", object{"name": "Page 1, scan", "kind": "image", "uri": "https://files.example.org/page-1.tiff", "media_type": "image/tiff", "size_bytes": 9120044, "project_id": ref("book"), "licence": "CC-BY-4.0"})

	path = "/v1/entertainment/playlists"
	add(path, "", object{"name": "Sunday morning", "kind": "music", "items": []object{{"content_id": "goldberg-1981", "title": "Goldberg Variations", "added_at": at(-20, 8)}, {"content_id": "kind-of-blue", "title": "Kind of Blue", "added_at": at(-3, 9)}}})
	path = "/v1/entertainment/stream-history"
	add(path, "", object{"content_id": "film-1927", "content_type": "movie", "title": "Metropolis", "started_at": at(-6, 20), "watched_seconds": 9180, "duration_seconds": 9180, "device": "Projector"})
	add(path, "", object{"content_id": "goldberg-1981", "content_type": "music", "title": "Goldberg Variations", "started_at": at(-1, 8), "watched_seconds": 3071})

	path = "/v1/community/groups"
	add(path, "gardeners", object{"name": "Allotment gardeners", "kind": "neighbourhood", "description": "Plots 1 to 40 behind the station.", "rules": "Water in the evening. Share the surplus.", "settings": object{"newsletter": true}})
	path = "/v1/community/events"
	add(path, "swap", object{"group_id": ref("gardeners"), "title": "Seed swap", "starts_at": at(18, 10), "ends_at": at(18, 13), "time_zone": "Europe/Vienna", "location": "Clubhouse", "capacity": 20})
	path = "/v1/community/events/{swap}/rsvps"
	add(path, "", object{"contact_id": ref("grace"), "status": "going"})
	add(path, "", object{"contact_id": ref("mary"), "status": "going"})
	add(path, "", object{"contact_id": ref("joan"), "status": "maybe"})

	path = "/v1/social/posts"
	add(path, "", object{"body": "The first tomatoes are in the ground.", "published_at": at(-4, 17)})
	add(path, "swap-post", object{"body": "Seed swap at the clubhouse: bring what you have, take what you need.", "media": []object{{"uri": "https://files.example.org/seeds.jpg", "media_type": "image/jpeg", "description": "Paper bags of seeds on a table"}}})
	path = "/v1/social/schedules"
	add(path, "", object{"post_id": ref("swap-post"), "platform": "mastodon", "scheduled_at": at(11, 9)})

	path = "/v1/scholar/references"
	add(path, "turing", object{"title": "On Computable Numbers, with an Application to the Entscheidungsproblem", "authors": []string{"Turing, Alan M."}, "year": 1937, "kind": "article", "container_title": "Proceedings of the London Mathematical Society", "volume": "s2-42", "issue": "1", "pages": "230-265", "doi": "10.1112/plms/s2-42.1.230", "citation_key": "turing1937"})
	add(path, "lovelace", object{"title": "Sketch of the Analytical Engine", "authors": []string{"Menabrea, Luigi Federico", "Lovelace, Ada"}, "year": 1843, "kind": "article", "container_title": "Scientific Memoirs", "volume": "3", "pages": "666-731", "citation_key": "lovelace1843"})
	add(path, "", object{"title": "Attention Is All You Need", "authors": []string{"Vaswani, Ashish", "Shazeer, Noam"}, "year": 2017, "kind": "preprint", "container_title": "arXiv", "url": "https://arxiv.org/abs/1706.03762", "citation_key": "vaswani2017"})
	path = "/v1/scholar/references/{turing}/citations"
	add(path, "", object{"cited_id": ref("lovelace"), "locator": "note G"})
	path = "/v1/scholar/manuscripts"
	add(path, "", object{"title": "Machines that weave algebra", "abstract": "What the notes of 1843 already knew.", "target_journal": "Annals of the History of Computing", "co_authors": []string{"Hopper, Grace"}, "sections": []object{
		{"id": "introduction", "heading": "Introduction", "body": "The engine weaves algebraical patterns, just as the Jacquard loom weaves flowers and leaves.", "position": 1},
		{"id": "note-g", "heading": "Note G", "body": "How the numbers of Bernoulli may be computed.", "position": 2},
	}})

	path = "/v1/government/compliance-items"
	add(path, "", object{"name": "Trade licence", "regulation": "Trade Act, section 5", "authority": "City of Vienna", "identifier": "GISA 4711", "status": "active", "effective_on": day(-700), "expires_on": day(21)})
	add(path, "", object{"name": "Liability insurance", "regulation": "Trade Act, section 99", "authority": "City of Vienna", "status": "active", "effective_on": day(-400), "expires_on": day(-5)})
	add(path, "", object{"name": "Record of processing", "regulation": "GDPR, article 30", "authority": "Data Protection Authority"})
	path = "/v1/government/clinical-trials"
	add(path, "", object{"registry_id": "NCT01234567", "title": "Gardening and blood pressure", "sponsor": "University of Vienna", "starts_on": day(60), "ends_on": day(430), "target_enrollment": 120, "ethics_reference": "EK 2026/17", "ethics_approved_on": day(-10)})

	path = "/v1/team/members"
	add(path, "dorothy", object{"name": "Dorothy Vaughan", "email": "dorothy@example.org", "role": "Editor", "status": "active", "joined_on": day(-300)})
	add(path, "", object{"name": "Katherine Johnson", "role": "Accountant"})
	path = "/v1/team/agents"
	add(path, "", object{"name": "Librarian", "kind": "researcher", "provider": "Example", "model": "reader-1", "capabilities": []string{"scholar"}, "status": "suspended"})
	gated(path, "bookkeeper", object{"name": "Bookkeeper", "kind": "analyst", "provider": "Example", "model": "counter-3", "capabilities": []string{"business"}, "status": "active"})
	path = "/v1/team/tasks"
	add(path, "", object{"title": "Proofread chapter 2", "member_id": ref("dorothy"), "priority": "high", "due_at": at(5, 16)})
	add(path, "", object{"title": "Order the printed proofs", "member_id": ref("dorothy"), "status": "done", "result": "Twelve copies, ready on Friday."})
	return steps
}

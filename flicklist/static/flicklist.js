// Progressive enhancement. Every form and every link also works without JavaScript; each module says what it adds.

import "./in_place.js";
import "./add.js";
import "./rows.js";
import "./messages.js";
import "./search.js";
import "./suggest.js";
import "./account.js";
import "./passwords.js";
import "./send_once.js";
import { showStars } from "./stars.js";

showStars();

// A form that only leads on, see unsent.jinja2.
document.querySelector("form[data-send]")?.submit();

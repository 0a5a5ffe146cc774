// Say before the first paint that there is JavaScript, so that nothing moves when the modules have been loaded.
document.documentElement.classList.add("js");

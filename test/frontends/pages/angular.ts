// An Angular app with zone.js: Chart.js on a canvas, and a list whose rows slide in.

import 'zone.js';
import '@angular/compiler';
import './angular.css';
import { Component, type ElementRef, provideZoneChangeDetection, ViewChild } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { Chart } from 'chart.js/auto';
import { colour, isStill, labels, marks, rows, sayReady } from '../support/contract.js';

@Component({
  selector: 'app-report',
  template: `
    <canvas #chart></canvas>
    <ul>
      @for (row of rows; track row.label) {
        <li animate.enter="slide-in">{{ row.label }}: {{ row.mark }}</li>
      }
    </ul>`,
})
class Report {
  rows = rows;
  @ViewChild('chart') chart!: ElementRef<HTMLCanvasElement>;

  ngAfterViewInit() {
    new Chart(this.chart.nativeElement, {
      type: 'bar',
      data: { labels, datasets: [{ label: 'Marks', data: marks, backgroundColor: colour }] },
      options: { scales: { y: { max: 100 } }, ...(isStill && { animation: false as const }) },
    });
    sayReady();
  }
}

document.body.classList.toggle('still', isStill);
document.querySelector('#app')?.append(document.createElement('app-report'));
await bootstrapApplication(Report, { providers: [provideZoneChangeDetection()] });
